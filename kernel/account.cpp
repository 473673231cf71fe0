#include "kernel/account.hpp"

#include <algorithm>

namespace quarry {

AccountIndex AccountTable::create_root(std::uint64_t limit_pages) {
    LockGuard const guard(lock_);
    accounts_[1] = {limit_pages, 0, 0, 1};
    highest_ = 1;
    return 1;
}

Result<AccountIndex> AccountTable::split(AccountIndex from, std::uint64_t limit_pages) {
    LockGuard const guard(lock_);
    auto& parent = accounts_[from];
    if (parent.limit - parent.used < limit_pages) {
        return Error::out_of_account;
    }
    for (std::size_t i = 1; i < capacity; ++i) {
        if (accounts_[i].users == 0) {
            accounts_[i] = {limit_pages, 0, from, 1};
            parent.used += limit_pages;
            ++parent.users;
            highest_ = std::max(highest_, i);
            return static_cast<AccountIndex>(i);
        }
    }
    return Error::out_of_slots;
}

void AccountTable::share(AccountIndex account) {
    LockGuard const guard(lock_);
    ++accounts_[account].users;
}

void AccountTable::release(AccountIndex account) {
    LockGuard const guard(lock_);
    release_locked(account);
}

void AccountTable::release_locked(AccountIndex account) {
    // A chain of accounts can end with its last user: a loop, not a recursion.
    while (account != 0 && --accounts_[account].users == 0) {
        auto const parent = accounts_[account].parent;
        if (parent != 0) {
            accounts_[parent].used -= accounts_[account].limit;
        }
        accounts_[account] = {};
        account = parent;
    }
}

Result<void> AccountTable::charge(AccountIndex account, std::uint64_t pages) {
    LockGuard const guard(lock_);
    auto& entry = accounts_[account];
    if (entry.limit - entry.used < pages) {
        return Error::out_of_account;
    }
    entry.used += pages;
    return {};
}

void AccountTable::uncharge(AccountIndex account, std::uint64_t pages) {
    LockGuard const guard(lock_);
    accounts_[account].used -= pages;
}

abi::AccountStatus AccountTable::status(AccountIndex account) const {
    LockGuard const guard(lock_);
    return {accounts_[account].limit, accounts_[account].used};
}

}  // namespace quarry
