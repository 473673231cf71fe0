#include "tests/host/model.hpp"

namespace quarry::test {

std::uint64_t ModelSpace::tables() const {
    std::set<std::pair<int, std::uint64_t>> tables;
    for (auto const& [page, mapping] : mappings) {
        if (!mapping.frame->huge) {
            tables.emplace(1, page >> 9);
        }
        tables.emplace(2, page >> 18);
        tables.emplace(3, page >> 27);
    }
    return tables.size();
}

std::map<std::uint64_t, ModelMapping>::iterator ModelSpace::covering(std::uint64_t page) {
    if (auto const exact = mappings.find(page); exact != mappings.end()) {
        return exact;
    }
    auto const region = mappings.find(page & ~std::uint64_t{511});
    return region != mappings.end() && region->second.frame->huge ? region : mappings.end();
}

std::uint64_t Model::new_tables(ModelSpace& space, std::uint64_t page, std::uint64_t count,
                                bool huge) {
    std::set<std::pair<int, std::uint64_t>> have;
    std::set<std::pair<int, std::uint64_t>> want;
    for (auto const p : {page, page + count - 1}) {
        if (!huge) {
            want.emplace(1, p >> 9);
        }
        want.emplace(2, p >> 18);
        want.emplace(3, p >> 27);
    }
    std::uint64_t missing = 0;
    for (auto const& [level, prefix] : want) {
        bool found = false;
        auto const first = prefix << (9 * level);
        for (auto it = space.mappings.lower_bound(first);
             it != space.mappings.end() && it->first >> (9 * level) == prefix && !found; ++it) {
            found = level != 1 || !it->second.frame->huge;
        }
        missing += found ? 0 : 1;
    }
    return missing;
}

Model::Form Model::form(ModelSpace& space, std::uint64_t page, std::uint64_t count) {
    bool huge = false;
    for (auto const p : {page, page + count - 1}) {
        auto const it = space.covering(p);
        huge = huge || (it != space.mappings.end() && it->second.frame->huge);
    }
    if (!huge) {
        return Form::pages;
    }
    return page % 512 == 0 && count == 512 ? Form::huge : Form::error;
}

Error Model::check_target(ModelSpace& space, std::uint64_t page, std::uint64_t count,
                          bool if_absent) {
    if (form(space, page, count) == Form::error) {
        return Error::huge_page;
    }
    if (if_absent && space.mappings.lower_bound(page) != space.mappings.lower_bound(page + count)) {
        return Error::already_mapped;
    }
    return Error::none;
}

std::uint64_t Model::cost(ModelFrame const& frame, ModelAccount* account) {
    return frame.owner == account ? 0 : frame.size();
}

Error Model::check_room(ModelAccount& account, std::uint64_t charge, std::uint64_t frames,
                        bool ran_out) {
    if (account.limit - account.used() < charge || (account.closed && charge != 0)) {
        return Error::out_of_account;
    }
    // A 2 MiB frame can be missing although enough frames are free.
    if (ran_out || frames > free_frames_) {
        return Error::out_of_frames;
    }
    return Error::none;
}

void Model::add(ModelFrame& frame, ModelAccount* account) {
    account->charged += cost(frame, account);
    frame.mappers.insert(account);
}

void Model::remove(ModelFrame& frame, ModelAccount* account) {
    frame.mappers.erase(frame.mappers.find(account));
    if (frame.owner != account) {
        account->charged -= frame.size();
    } else if (frame.mappers.count(account) == 0) {
        account->charged -= frame.size();
        frame.owner = nullptr;
    }
    if (frame.mappers.empty()) {
        free_frames_ += frame.size();
    }
}

void Model::drop(ModelSpace& space, std::map<std::uint64_t, ModelMapping>::iterator it) {
    remove(*it->second.frame, space.account.get());
    space.mappings.erase(it);
}

void Model::clear(ModelSpace& space, std::uint64_t page, std::uint64_t count) {
    for (auto it = space.mappings.lower_bound(page); it != space.mappings.lower_bound(page + count);
         it = space.mappings.lower_bound(page)) {
        drop(space, it);
    }
}

// Makes a change and then charges or returns the tables that it added or emptied.
template <typename Change>
void Model::with_tables(ModelSpace& space, Change change) {
    auto const before = space.tables();
    change();
    auto const after = space.tables();
    space.account->charged += after - before;
    free_frames_ -= after - before;
}

void Model::put(ModelSpace& space, std::uint64_t page, ModelMapping mapping) {
    space.mappings.insert_or_assign(page, std::move(mapping));
}

Error Model::alloc(ModelSpace& space, std::uint64_t page, std::uint64_t count, PagePerms perms,
                   bool huge, bool if_absent, bool ran_out) {
    if (huge && (page % 512 != 0 || count != 512)) {
        return Error::bad_range;
    }
    if (auto const error = check_target(space, page, count, if_absent); error != Error::none) {
        return error;
    }
    auto const tables = new_tables(space, page, count, huge);
    if (auto const error = check_room(*space.account, count + tables, count + tables, ran_out);
        error != Error::none) {
        return error;
    }
    with_tables(space, [&] {
        clear(space, page, count);
        for (std::uint64_t i = 0; i < count; i += huge ? 512 : 1) {
            auto frame = std::make_shared<ModelFrame>();
            frame->huge = huge;
            frame->owner = space.account.get();
            frame->mappers.insert(space.account.get());
            space.account->charged += frame->size();
            free_frames_ -= frame->size();
            put(space, page + i, {frame, perms});
        }
    });
    return Error::none;
}

Error Model::map(ModelSpace& from, std::uint64_t page, std::uint64_t count, ModelSpace& to,
                 std::uint64_t at, PagePerms perms, bool if_absent, bool lend, bool ran_out) {
    if (&from == &to && page != at && page < at + count && at < page + count) {
        return Error::bad_range;
    }
    auto const shape = form(from, page, count);
    bool const huge = shape == Form::huge;
    if (shape == Form::error || (huge && at % 512 != 0)) {
        return Error::huge_page;
    }
    std::uint64_t price = 0;
    for (std::uint64_t i = 0; i < count; i += huge ? 512 : 1) {
        auto const it = from.mappings.find(page + i);
        if (it == from.mappings.end()) {
            return Error::not_mapped;
        }
        if (it->second.lent) {
            return Error::lent;
        }
        if (!it->second.perms.allows(perms)) {
            return Error::bad_permission;
        }
        price += cost(*it->second.frame, to.account.get());
    }
    if (auto const error = check_target(to, at, count, if_absent); error != Error::none) {
        return error;
    }
    auto const tables = new_tables(to, at, count, huge);
    if (auto const error = check_room(*to.account, price + tables, tables, ran_out);
        error != Error::none) {
        return error;
    }
    with_tables(to, [&] {
        std::vector<ModelMapping> taken;
        for (std::uint64_t i = 0; i < count; i += huge ? 512 : 1) {
            auto const& mapping = from.mappings.find(page + i)->second;
            taken.push_back({mapping.frame, mapping.perms.narrowed_to(perms), lend});
            add(*mapping.frame, to.account.get());
        }
        clear(to, at, count);
        for (std::uint64_t i = 0; i < taken.size(); ++i) {
            put(to, at + i * (huge ? 512 : 1), taken[i]);
        }
    });
    return Error::none;
}

Error Model::move(ModelSpace& from, std::uint64_t page, std::uint64_t count, ModelSpace& to,
                  std::uint64_t at, PagePerms mask, bool if_absent, bool ran_out) {
    if (&from == &to && page < at + count && at < page + count) {
        return Error::bad_range;
    }
    auto const shape = form(from, page, count);
    bool const huge = shape == Form::huge;
    if (shape == Form::error || (huge && at % 512 != 0)) {
        return Error::huge_page;
    }
    std::uint64_t price = 0;
    for (std::uint64_t i = 0; i < count; i += huge ? 512 : 1) {
        auto const it = from.mappings.find(page + i);
        if (it == from.mappings.end()) {
            return Error::not_mapped;
        }
        if (it->second.lent) {
            return Error::lent;
        }
        price += from.account == to.account ? 0 : cost(*it->second.frame, to.account.get());
    }
    if (auto const error = check_target(to, at, count, if_absent); error != Error::none) {
        return error;
    }
    auto const tables = new_tables(to, at, count, huge);
    if (auto const error = check_room(*to.account, price + tables, tables, ran_out);
        error != Error::none) {
        return error;
    }
    std::vector<ModelMapping> taken;
    for (std::uint64_t i = 0; i < count; i += huge ? 512 : 1) {
        auto const& mapping = from.mappings.find(page + i)->second;
        taken.push_back({mapping.frame, mapping.perms.masked_by(mask)});
        add(*mapping.frame, to.account.get());
    }
    with_tables(from, [&] { clear(from, page, count); });
    with_tables(to, [&] {
        clear(to, at, count);
        for (std::uint64_t i = 0; i < taken.size(); ++i) {
            put(to, at + i * (huge ? 512 : 1), taken[i]);
        }
    });
    return Error::none;
}

Error Model::protect(ModelSpace& space, std::uint64_t page, std::uint64_t count, PagePerms perms,
                     bool if_sole) {
    auto const shape = form(space, page, count);
    if (shape == Form::error) {
        return Error::huge_page;
    }
    std::uint64_t const step = shape == Form::huge ? 512 : 1;
    for (std::uint64_t i = 0; i < count; i += step) {
        auto const it = space.mappings.find(page + i);
        if (it == space.mappings.end()) {
            return Error::not_mapped;
        }
        if (it->second.lent) {
            return Error::lent;
        }
        auto const now = it->second.perms;
        if (now.allows(perms) && !now.lacks_bit_of(perms)) {
            continue;
        }
        if (!if_sole) {
            return Error::bad_permission;
        }
        if (it->second.frame->mappers.size() != 1) {
            return Error::not_sole;
        }
    }
    for (std::uint64_t i = 0; i < count; i += step) {
        space.mappings.find(page + i)->second.perms = perms;
    }
    return Error::none;
}

Error Model::unmap(ModelSpace& space, std::uint64_t page, std::uint64_t count) {
    if (form(space, page, count) == Form::error) {
        return Error::huge_page;
    }
    with_tables(space, [&] { clear(space, page, count); });
    return Error::none;
}

Error Model::share(ModelSpace& from, std::uint64_t page, std::uint64_t count, ModelSpace& to,
                   std::uint64_t at, ShareRule rule, bool ran_out) {
    if (&from == &to && page < at + count && at < page + count) {
        return Error::bad_range;
    }
    auto const shape = form(from, page, count);
    if (shape == Form::error || (shape == Form::huge && at % 512 != 0)) {
        return Error::huge_page;
    }
    if (auto const error = check_target(to, at, count, true); error != Error::none) {
        return error;
    }
    std::vector<std::uint64_t> shared;
    std::uint64_t price = 0;
    for (auto it = from.mappings.lower_bound(page);
         it != from.mappings.end() && it->first < page + count; ++it) {
        if (!it->second.lent) {
            shared.push_back(it->first);
            price += cost(*it->second.frame, to.account.get());
        }
    }
    if (shared.empty()) {
        return Error::none;
    }
    bool const huge = shape == Form::huge;
    auto const first = at + (shared.front() - page);
    auto const span = shared.back() - shared.front() + (huge ? 512 : 1);
    auto const tables = new_tables(to, first, span, huge);
    if (auto const error = check_room(*to.account, price + tables, tables, ran_out);
        error != Error::none) {
        return error;
    }
    with_tables(to, [&] {
        for (auto const number : shared) {
            auto& mapping = from.mappings.find(number)->second;
            mapping.perms = rule.of(mapping.perms);
            add(*mapping.frame, to.account.get());
            put(to, at + (number - page), mapping);
        }
    });
    return Error::none;
}

Error Model::split(ModelSpace& space, std::uint64_t page, bool ran_out) {
    if (page % 512 != 0) {
        return Error::bad_argument;
    }
    auto const it = space.mappings.find(page);
    if (it == space.mappings.end() || !it->second.frame->huge) {
        return Error::not_mapped;
    }
    auto const whole = it->second;
    if (whole.lent) {
        return Error::lent;
    }
    if (whole.frame->mappers.size() != 1) {
        return Error::not_sole;
    }
    if (auto const error = check_room(*space.account, 1, 1, ran_out); error != Error::none) {
        return error;
    }
    with_tables(space, [&] {
        for (std::uint64_t i = 0; i < 512; ++i) {
            auto frame = std::make_shared<ModelFrame>(*whole.frame);
            frame->huge = false;
            frame->stamp = i == 0 ? whole.frame->stamp : 0;
            put(space, page + i, {frame, whole.perms});
        }
    });
    return Error::none;
}

Error Model::charge_objects(ModelAccount& account, std::uint64_t pages, bool ran_out) {
    if (auto const error = check_room(account, pages, pages, ran_out); error != Error::none) {
        return error;
    }
    account.charged += pages;
    free_frames_ -= pages;
    return Error::none;
}

void Model::free_objects(ModelAccount& account, std::uint64_t pages) {
    account.charged -= pages;
    free_frames_ += pages;
}

void Model::end_space(ModelSpace& space) {
    with_tables(space, [&] { clear(space, 0, ~std::uint64_t{0} >> 1); });
}

}  // namespace quarry::test
