#include "kernel/monitor/commands.hpp"

#include "kernel/diagnostics.hpp"
#include "kernel/dispatch.hpp"
#include "machine/machine.hpp"

#include <algorithm>
#include <array>

namespace quarry::monitor {
namespace {

// The space that a command is about: by its id, or the interrupted environment's, or the first.
Result<SpaceTable::Found> space_of(Context& context, Words const& words, std::size_t i) {
    auto id = context.current != nullptr ? context.current->space().id.value : std::uint64_t{0};
    if (id == 0) {
        context.kernel.spaces.each([&](Space& space) { id = id == 0 ? space.id.value : id; });
    }
    auto found = context.kernel.spaces.find(TRY(words.number(i, id)));
    if (found.object == nullptr) {
        return Error::not_found;
    }
    return found;
}

Result<UserPage> page_at(Words const& words, std::size_t i) {
    if (words[i].empty()) {
        return Error::bad_argument;
    }
    auto const address = TRY(words.number(i, 0));
    if (address >= abi::canonical_limit) {
        return Error::bad_address;
    }
    return UserPage::containing(UserAddr{address});
}

void print_rights(PagePerms perms) {
    print("{}{}{}{}{}", perms.read() ? "r" : "-", perms.write() ? "w" : "-",
          perms.execute() ? "x" : "-", perms.may_write() ? " may write" : "",
          perms.may_execute() ? " may execute" : "");
    if (perms.tag() != 0) {
        print(" tag {}", perms.tag() >> abi::permission::tag_shift);
    }
}

Result<Next> help(Context&, Words const&) {
    for (auto const& command : commands()) {
        print("  {:<10} {:<34} {}\n", command.name, command.arguments, command.what);
    }
    return Next::prompt;
}

Result<Next> spaces(Context& context, Words const&) {
    context.kernel.spaces.each([&](Space& space) {
        auto const status = context.kernel.memory.accounts.status(space.account());
        print("  {:x}  {}{}, {} environments, account {}: {} of {} pages{}\n", space.id.value,
              space.name(), space.form().is_jos() ? " (JOS)" : "", space.running.load(),
              space.account(), status.used_pages, status.limit_pages, space.ended ? ", ended" : "");
    });
    return Next::prompt;
}

Result<Next> envs(Context& context, Words const&) {
    print_environments(context.kernel, ~std::size_t{0}, context.current);
    return Next::prompt;
}

Result<Next> frames(Context& context, Words const&) {
    auto const& memory = context.kernel.memory;
    print("  {} of {} frames are free\n", memory.free_frames(), memory.frames.total_frames());
    return Next::prompt;
}

Result<Next> backtrace(Context& context, Words const& words) {
    auto own = context.current != nullptr ? context.current->id.value : std::uint64_t{0};
    if (own == 0) {
        context.kernel.environments.each(
            [&](Environment& each) { own = own == 0 ? each.id.value : own; });
    }
    auto* const environment = context.kernel.environments.peek(TRY(words.number(1, own)));
    if (environment == nullptr) {
        return Error::not_found;
    }
    print_registers(*environment);
    print_backtrace(context.kernel, *environment);
    return Next::prompt;
}

// Runs of pages with the same rights, one line each.
class MappingPrinter {
  public:
    void add(UserPage page, std::size_t count, PagePerms perms) {
        if (count_ != 0 && page == first_.plus(count_) && perms == perms_) {
            count_ += count;
            return;
        }
        flush();
        first_ = page;
        count_ = count;
        perms_ = perms;
    }
    void flush() const {
        if (count_ != 0) {
            print("  {:012x} to {:012x}  {:>6} pages  ", first_.start().raw(),
                  first_.plus(count_).start().raw(), count_);
            print_rights(perms_);
            print("\n");
        }
    }

  private:
    UserPage first_;
    std::size_t count_ = 0;
    PagePerms perms_ = PagePerms::of(abi::permission::none);
};

Result<Next> mappings(Context& context, Words const& words) {
    auto const found = TRY(space_of(context, words, 1));
    MappingPrinter printer;
    auto const tables = found.object->tables();
    auto page = UserPage{};
    auto const end = UserPage::containing(UserAddr{abi::user_end});
    while (page < end) {
        auto const slot = tables.find(page);
        auto const covered = std::size_t{1} << (9 * slot.level);
        if (slot.is_mapping()) {
            printer.add(page, covered, slot.read().perms());
        }
        page = UserPage::numbered(page.number() / covered * covered + covered);
    }
    printer.flush();
    return Next::prompt;
}

Result<Next> walk(Context& context, Words const& words) {
    auto const page = TRY(page_at(words, 1));
    auto const found = TRY(space_of(context, words, 2));
    constexpr std::array<std::string_view, 4> names{"PT", "PD", "PDPT", "PML4"};
    for (unsigned level = machine::top_level;; --level) {
        auto const slot = found.object->tables().find(page, level);
        auto const index = page.number() >> (9 * level) & (machine::entries_per_table - 1);
        print("  {:<5}[{:3}] = {:016x}  ", names[level], index, slot.read().raw());
        if (slot.read().is_table(level)) {
            print("table\n");
            continue;
        }
        if (slot.is_mapping()) {
            print_rights(slot.read().perms());
            auto const counts = context.kernel.memory.meta(slot.read().frame()).load();
            print(", frame {:x}, {} references\n", slot.read().frame().number(),
                  counts.references());
        } else {
            print("{}\n", slot.read().is_kernels() ? "the kernel's own" : "nothing");
        }
        return Next::prompt;
    }
}

Result<Next> dump(Context& context, Words const& words) {
    constexpr std::uint64_t row = 16;
    TRY(page_at(words, 1));
    auto const first = TRY(words.number(1, 0)) & ~(row - 1);
    auto const bytes = std::min<std::uint64_t>(TRY(words.number(2, 0x40)), page_bytes);
    auto const found = TRY(space_of(context, words, 3));
    for (auto at = first; at < first + bytes; at += row) {
        auto const page = UserPage::containing(UserAddr{at});
        auto const memory = memory_at(*found.object, page);
        if (memory.empty()) {
            return Error::not_mapped;
        }
        print("  {:012x} ", at);
        for (std::size_t i = 0; i < row; ++i) {
            print(" {:02x}", static_cast<std::uint64_t>(memory[at % page_bytes + i]));
        }
        print("\n");
    }
    return Next::prompt;
}

Result<Next> protect(Context& context, Words const& words) {
    auto const page = TRY(page_at(words, 1));
    auto bits = abi::permission::none;
    for (char const right : words[2]) {
        if (right != 'r' && right != 'w' && right != 'x' && right != '-') {
            return Error::bad_argument;
        }
        bits = bits | (right == 'r'   ? abi::permission::read
                       : right == 'w' ? abi::permission::write | abi::permission::may_execute
                       : right == 'x' ? abi::permission::execute | abi::permission::may_write
                                      : abi::permission::none);
    }
    auto const perms = TRY(PagePerms::parse(bits.bits));
    auto const found = TRY(space_of(context, words, 3));
    TRY(page_protect(found.object->mapped(), {page, 1}, perms, IfSole::yes));
    return Next::prompt;
}

Result<Next> step(Context& context, Words const&) {
    if (context.current == nullptr) {
        return Error::not_found;
    }
    context.current->saved.set_single_step(true);
    context.current->stepping = true;
    return Next::goes_on;
}

Result<Next> go_on(Context&, Words const&) { return Next::goes_on; }

Result<Next> trace(Context&, Words const& words) {
    if (words[1] != "on" && words[1] != "off") {
        return Error::bad_argument;
    }
    set_tracing(words[1] == "on");
    return Next::prompt;
}

Result<Next> power_off(Context&, Words const&) {
    machine::power_off({.cause = abi::EndCause::destroyed});
    return Next::goes_on;  // only in tests
}

constexpr std::array all_commands{
    Command{"help", "", "lists the commands", &help},
    Command{"spaces", "", "address spaces and their accounts", &spaces},
    Command{"envs", "", "environments: what each does and where", &envs},
    Command{"frames", "", "how much memory is free", &frames},
    Command{"backtrace", "[environment]", "registers and calls", &backtrace},
    Command{"mappings", "[space]", "what is mapped, in runs of the same rights", &mappings},
    Command{"walk", "address [space]", "the entry of each page table for an address", &walk},
    Command{"dump", "address [bytes [space]]", "memory in hexadecimal", &dump},
    Command{"protect", "address rights [space]", "sets a page's rights: r, rw, rx or -", &protect},
    Command{"step", "", "one instruction of the program, then back here", &step},
    Command{"continue", "", "leaves the monitor", &go_on},
    Command{"trace", "on|off", "system calls on the second serial port", &trace},
    Command{"poweroff", "", "ends the machine", &power_off},
};

}  // namespace

std::span<Command const> commands() { return all_commands; }

}  // namespace quarry::monitor
