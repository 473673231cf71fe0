#include "kernel/account.hpp"

#include "kernel/processor.hpp"

#include <algorithm>

namespace quarry {

AccountIndex AccountTable::create_root(std::uint64_t limit_pages) {
    auto& root = accounts_[1];
    LockGuard const guard(root.lock);
    root.limit = limit_pages;
    root.users = 1;
    highest_ = 1;
    return 1;
}

std::uint64_t AccountTable::in_hand(AccountIndex account) {
    std::uint64_t pages = 0;
    each_processor([&](Processor& processor) { pages += processor.charge.pages_of(account); });
    return pages;
}

void AccountTable::reclaim(AccountIndex index, Account& account) {
    std::uint64_t reclaimed = 0;
    each_processor([&](Processor& other) { reclaimed += other.charge.reclaim(index); });
    account.used -= reclaimed;
}

Result<AccountIndex> AccountTable::split(AccountIndex from, std::uint64_t limit_pages) {
    TRY(charge_slowly(from, limit_pages));
    if (auto const index = take_slot(from, limit_pages); index != 0) {
        share(from);
        return index;
    }
    put_back(from, limit_pages);
    return Error::out_of_slots;
}

AccountIndex AccountTable::take_slot(AccountIndex parent, std::uint64_t limit_pages) {
    LockGuard const slots(slots_lock_);
    for (std::size_t i = 1; i < capacity; ++i) {
        auto& account = accounts_[i];
        LockGuard const guard(account.lock);
        if (account.users == 0) {
            account.limit = limit_pages;
            account.used = 0;
            account.parent = parent;
            account.users = 1;
            account.closed = false;
            highest_ = std::max(highest_, i);
            return static_cast<AccountIndex>(i);
        }
    }
    return 0;
}

void AccountTable::close(AccountIndex index) {
    auto& account = accounts_[index];
    LockGuard const guard(account.lock);
    account.closed = true;
    std::uint64_t let_go = 0;
    each_processor([&](Processor& other) { let_go += other.charge.let_go(index); });
    account.used -= let_go;
}

void AccountTable::share(AccountIndex account) {
    LockGuard const guard(accounts_[account].lock);
    ++accounts_[account].users;
}

void AccountTable::release(AccountIndex index) {
    // A chain of accounts can end with its last user: a loop, not a recursion.
    while (index != 0) {
        auto& account = accounts_[index];
        std::uint64_t limit = 0;
        AccountIndex parent = 0;
        {
            LockGuard const guard(account.lock);
            if (--account.users != 0) {
                return;
            }
            reclaim(index, account);
            limit = account.limit;
            parent = account.parent;
            account.limit = 0;
            account.used = 0;
        }
        if (parent != 0) {
            put_back(parent, limit);
        }
        index = parent;
    }
}

Result<void> AccountTable::charge(AccountIndex account, std::uint64_t pages) {
    if (this_processor().charge.take(account, pages)) [[likely]] {
        return {};
    }
    return charge_slowly(account, pages);
}

Result<void> AccountTable::charge_slowly(AccountIndex index, std::uint64_t pages) {
    auto& account = accounts_[index];
    auto& hand = this_processor().charge;
    if (hand.account() != index) {
        put_down(hand);
    }
    LockGuard const guard(account.lock);
    if (account.limit - account.used < pages) {
        reclaim(index, account);
    }
    if (account.limit - account.used < pages || (account.closed && pages != 0)) {
        return Error::out_of_account;
    }
    account.used += pages;
    // Some more for the next ones: a part of what is left, so that little is in hand when the
    // account is nearly used up. A charge that would fail takes it back.
    auto const ahead = std::min((account.limit - account.used) / 8, ChargeInHand::chunk);
    if (ahead != 0 && !account.closed) {
        account.used += ahead;
        account.used -= hand.exchange({index, ahead}).pages;
    }
    return {};
}

// What is in hand goes back to its account. Under that one's lock from the first: an account comes to
// its end only with nothing of it on the way.
void AccountTable::put_down(ChargeInHand& hand) {
    auto const index = hand.account();
    auto& account = accounts_[index];
    LockGuard const guard(account.lock);
    account.used -= hand.reclaim(index);
}

void AccountTable::uncharge(AccountIndex account, std::uint64_t pages) {
    if (!this_processor().charge.give(account, pages)) {
        put_back(account, pages);
    }
}

void AccountTable::put_back(AccountIndex account, std::uint64_t pages) {
    LockGuard const guard(accounts_[account].lock);
    accounts_[account].used -= pages;
}

abi::AccountStatus AccountTable::status(AccountIndex index) {
    auto& account = accounts_[index];
    LockGuard const guard(account.lock);
    return {account.limit, account.used - in_hand(index)};
}

}  // namespace quarry
