// Who pays for memory. Every frame, table and environment is charged to the account of a space; an
// account is split from its creator's or shared with it. DESIGN.md, "Contracts: Accounts".
#pragma once

#include "abi/types.hpp"
#include "base/result.hpp"
#include "kernel/frame_meta.hpp"
#include "kernel/lock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace quarry {

class AccountTable {
  public:
    static constexpr std::size_t capacity = 1024;

    constexpr AccountTable() = default;

    // An account of its own with a limit taken from nobody: the first space's. One space uses it.
    AccountIndex create_root(std::uint64_t limit_pages);

    // A new account whose limit is taken out of `from`'s. out_of_account if `from` cannot spare it,
    // out_of_slots. One space uses it.
    Result<AccountIndex> split(AccountIndex from, std::uint64_t limit_pages) EXCLUDES(lock_);

    // One more space uses the account.
    void share(AccountIndex account) EXCLUDES(lock_);

    // One space fewer uses it. The last one returns the limit to the account it was split from;
    // nothing may be charged any more.
    void release(AccountIndex account) EXCLUDES(lock_);

    // Takes `pages` of the account's limit: all or nothing.
    Result<void> charge(AccountIndex account, std::uint64_t pages) EXCLUDES(lock_);
    void uncharge(AccountIndex account, std::uint64_t pages) EXCLUDES(lock_);

    abi::AccountStatus status(AccountIndex account) const EXCLUDES(lock_);

    struct Account {
        std::uint64_t limit = 0;  // split-off accounts' limits count as used
        std::uint64_t used = 0;
        AccountIndex parent = 0;
        std::uint32_t users = 0;  // spaces, and accounts split from this one; 0: a free slot
    };
    // For the invariant checker: calls visitor(index, account) for each account in use.
    template <typename Visitor>
    void each(Visitor visitor) const EXCLUDES(lock_) {
        LockGuard const guard(lock_);
        for (std::size_t i = 1; i <= highest_; ++i) {
            if (accounts_[i].users != 0) {
                visitor(i, accounts_[i]);
            }
        }
    }

  private:
    void release_locked(AccountIndex account) REQUIRES(lock_);

    mutable SpinLock lock_;
    std::array<Account, capacity> accounts_ GUARDED_BY(lock_){};
    std::size_t highest_ GUARDED_BY(lock_) = 0;  // index ever given
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
