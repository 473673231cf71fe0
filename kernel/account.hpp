// Who pays for memory. Every frame, table and environment is charged to the account of a space; an
// account is split from its creator's or shared with it. DESIGN.md, "Contracts: Accounts".
#pragma once

#include "abi/types.hpp"
#include "base/result.hpp"
#include "kernel/frame_meta.hpp"
#include "kernel/lock.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace quarry {

// Pages of one account that a processor has in hand, so that most charges touch nothing shared.
// One word: pages above, account below.
class ChargeInHand {
  public:
    constexpr ChargeInHand() = default;

    // Takes from or adds to what is in hand; false if it is another account's, or not enough, or
    // too much to keep.
    bool take(AccountIndex account, std::uint64_t pages) {
        if (!machine::low_half_is(word_, account)) [[unlikely]] {
            return false;
        }
        if (machine::subtract_borrows(word_, pages << shift)) [[unlikely]] {
            word_.fetch_add(pages << shift);  // others wait for that
            return false;
        }
        return true;
    }
    bool give(AccountIndex account, std::uint64_t pages) {
        auto word = word_.load(std::memory_order_relaxed);
        auto const now = word + (pages << shift);
        return static_cast<AccountIndex>(word) == account && now < most << shift &&
               word_.compare_exchange_strong(word, now, std::memory_order_relaxed);
    }
    // Whose pages they are; only this processor changes that.
    AccountIndex account() const {
        return static_cast<AccountIndex>(word_.load(std::memory_order_relaxed));
    }
    std::uint64_t pages_of(AccountIndex account) const {
        auto const word = settled();
        return static_cast<AccountIndex>(word) == account ? word >> shift : 0;
    }
    struct Content {
        AccountIndex account;
        std::uint64_t pages;
    };
    // Puts `now` in and takes out what was there.
    Content exchange(Content now) {
        auto const word = word_.exchange(now.pages << shift | now.account);
        return {static_cast<AccountIndex>(word), word >> shift};
    }
    // Takes all out if it is this account's; any processor may ask.
    std::uint64_t reclaim(AccountIndex account) { return take_out(account, account); }

    // The same, and nothing of it comes into hand from here on, unless exchange() puts it there.
    std::uint64_t let_go(AccountIndex account) { return take_out(account, 0); }

    static constexpr std::uint64_t chunk = 1024;  // pages taken ahead at most
    static constexpr std::uint64_t most = 8192;

  private:
    static constexpr unsigned shift = 16;

    // Between a take() that found too little and its undoing the word is negative.
    std::uint64_t settled() const {
        for (;;) {
            auto const word = word_.load(std::memory_order_relaxed);
            if (static_cast<std::int64_t>(word) >= 0) [[likely]] {
                return word;
            }
            machine::spin_pause();
        }
    }
    // Puts `rest` in place of this account's word.
    std::uint64_t take_out(AccountIndex account, std::uint64_t rest) {
        for (auto word = settled(); static_cast<AccountIndex>(word) == account; word = settled()) {
            if (word_.compare_exchange_strong(word, rest)) {
                return word >> shift;
            }
        }
        return 0;
    }

    std::atomic<std::uint64_t> word_ = 0;
};

class AccountTable {
  public:
    static constexpr std::size_t capacity = 1024;

    constexpr AccountTable() = default;

    // An account of its own with a limit taken from nobody: the first space's. One space uses it.
    AccountIndex create_root(std::uint64_t limit_pages);

    // A new account whose limit is taken out of `from`'s. out_of_account if `from` cannot spare it,
    // out_of_slots. One space uses it.
    Result<AccountIndex> split(AccountIndex from, std::uint64_t limit_pages) EXCLUDES(slots_lock_);

    // One more space uses the account.
    void share(AccountIndex account);

    // One space fewer uses it. The last one returns the limit to the account it was split from;
    // nothing may be charged any more.
    void release(AccountIndex account);

    // Nothing more can be charged to it; what is charged may go back. Of an account whose first space
    // is being destroyed: else what it created could go on creating.
    void close(AccountIndex account);

    // Takes `pages` of the account's limit: all or nothing.
    Result<void> charge(AccountIndex account, std::uint64_t pages);
    void uncharge(AccountIndex account, std::uint64_t pages);

    abi::AccountStatus status(AccountIndex account);

    struct alignas(64) Account {
        SpinLock lock{Rank::account};
        std::uint64_t limit GUARDED_BY(lock) = 0;
        // Charged, in processors' hands, or split off as another account's limit.
        std::uint64_t used GUARDED_BY(lock) = 0;
        AccountIndex parent = 0;
        std::uint32_t users GUARDED_BY(lock) = 0;  // spaces and split accounts; 0: a free slot
        bool closed GUARDED_BY(lock) = false;
    };
    struct View {
        std::uint64_t limit;
        std::uint64_t used;
        AccountIndex parent;
    };
    // For the invariant checker: calls visitor(index, view) for each account in use.
    template <typename Visitor>
    void each(Visitor visitor) {
        for (std::size_t i = 1; i <= highest_; ++i) {
            auto& account = accounts_[i];
            account.lock.lock();
            View const view{account.limit, account.used - in_hand(static_cast<AccountIndex>(i)),
                            account.parent};
            bool const in_use = account.users != 0;
            account.lock.unlock();
            if (in_use) {
                visitor(i, view);
            }
        }
    }

  private:
    // A free slot made an account with one user; 0 if there is none.
    AccountIndex take_slot(AccountIndex parent, std::uint64_t limit_pages) EXCLUDES(slots_lock_);
    Result<void> charge_slowly(AccountIndex account, std::uint64_t pages);
    void put_back(AccountIndex account, std::uint64_t pages);
    void put_down(ChargeInHand& hand);
    static std::uint64_t in_hand(AccountIndex account);
    // Takes what processors have in hand back into the account.
    void reclaim(AccountIndex index, Account& account) REQUIRES(account.lock);

    SpinLock slots_lock_{Rank::ids};
    std::array<Account, capacity> accounts_{};
    std::size_t highest_ = 0;  // index ever given
};

// A charge made ahead of a commit: undone unless kept.
class Charge {
  public:
    static Result<Charge> make(AccountTable& accounts, AccountIndex account, std::uint64_t pages) {
        TRY(accounts.charge(account, pages));
        return Charge{accounts, account, pages};
    }
    Charge(Charge&& other) noexcept
        : accounts_(other.accounts_), account_(other.account_), pages_(other.pages_) {
        other.pages_ = 0;
    }
    Charge& operator=(Charge&&) = delete;
    ~Charge() {
        if (pages_ != 0) {
            accounts_.uncharge(account_, pages_);
        }
    }
    void keep() { pages_ = 0; }

  private:
    Charge(AccountTable& accounts, AccountIndex account, std::uint64_t pages)
        : accounts_(accounts), account_(account), pages_(pages) {}
    AccountTable& accounts_;
    AccountIndex account_;
    std::uint64_t pages_;
};

}  // namespace quarry
