"""Commands for gdb: `quarry spaces`, `quarry envs`, `quarry frames`, `quarry walk ADDRESS`. Loaded by
tools/debug.sh; needs the kernel's symbols and a machine that has come up."""

import gdb  # pylint: disable=import-error

DIRECT_MAP = 0xFFFF800000000000
PAGE_MASK = 0x000FFFFFFFFFF000
STATES = {0: "stopped", 1: "runnable", 2: "blocked", 3: "ended"}


def kernel() -> gdb.Value:
    """The one Kernel object."""
    return gdb.parse_and_eval("quarry::the_kernel")


def objects(table: gdb.Value) -> list[gdb.Value]:
    """What an IdTable holds."""
    slots = table["slots_"]["__elems_"]
    kind = slots[0]["object"].type.strip_typedefs().template_argument(0)  # of std::atomic<T*>
    found = (plain(slots[i]["object"]) for i in range(plain(table["used_"])))
    return [gdb.Value(address).cast(kind).dereference() for address in found if address != 0]


def plain(value: gdb.Value) -> int:
    """The number in an atomic or Relaxed."""
    names = [field.name for field in value.type.strip_typedefs().fields() or []] \
        if value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT else []
    if "value_" in names:
        return plain(value["value_"])
    for base in value.type.strip_typedefs().fields() if names else []:
        if base.is_base_class:
            return plain(value[base])
    if "__a_" in names:
        return plain(value["__a_"])
    if "__a_value" in names:
        return int(value["__a_value"])
    return int(value)


def name_of(space: gdb.Value) -> str:
    """The program's name."""
    text = space["name_"]["__elems_"]
    return "".join(chr(int(text[i]) & 0xFF) for i in range(int(space["name_length_"])))


def read_word(physical: int) -> int:
    """A 64-bit word of physical memory, through the direct map."""
    data = gdb.selected_inferior().read_memory(DIRECT_MAP + physical, 8)
    return int.from_bytes(bytes(data), "little")


def print_spaces() -> None:
    """One line a space."""
    for space in objects(kernel()["spaces"]):
        root = int(space["root_"]["number_"]) << 12
        print(f"space {int(space['id']['value']):x}  {name_of(space):<24} tables at {root:#x}, "
              f"account {int(space['account_'])}, {plain(space['running'])} environments"
              f"{', ended' if plain(space['ended']) else ''}")


def print_environments() -> None:
    """One line an environment."""
    count = plain(gdb.parse_and_eval("quarry::processor_count"))
    running = gdb.parse_and_eval("quarry::processors")["__elems_"]
    current = {int(running[i].dereference()["current"]): i for i in range(count)}
    for env in objects(kernel()["environments"]):
        saved = env["saved"]
        mark = str(current.get(int(env.address), " "))
        print(f"{mark} env {int(env['id']['value']):x}  {name_of(env['space_']):<24} "
              f"{STATES[plain(env['state']['state_'])]:<9} "
              f"rip {int(saved['rip']):#x} rsp {int(saved['rsp']):#x}")


def print_frames() -> None:
    """Free and total frames, and the accounts."""
    frames = kernel()["memory"]["frames"]
    print(f"frames: {int(frames['free_frames_'])} free of {int(frames['total_frames_'])}")
    accounts = kernel()["memory"]["accounts"]
    for i in range(1, int(accounts["highest_"]) + 1):
        account = accounts["accounts_"]["__elems_"][i]
        if int(account["users"]):
            print(f"account {i}: {int(account['used'])} of {int(account['limit'])} pages, "
                  f"{int(account['users'])} users")


def print_walk(address: int) -> None:
    """The page-table entries that translate an address."""
    table = int(gdb.parse_and_eval("$cr3")) & PAGE_MASK
    for level, name in ((3, "PML4"), (2, "PDPT"), (1, "PD"), (0, "PT")):
        index = address >> (12 + 9 * level) & 511
        entry = read_word(table + index * 8)
        bits = [word for bit, word in ((0, "present"), (1, "write"), (2, "user"), (7, "huge"),
                                       (52, "may-write"), (53, "may-execute"), (55, "held"),
                                       (63, "no-execute")) if entry >> bit & 1]
        print(f"{name:<5}[{index:3}] = {entry:016x}  {' '.join(bits)}")
        if not entry & 1 or (level != 0 and entry >> 7 & 1):
            return
        table = entry & PAGE_MASK


class Quarry(gdb.Command):
    """quarry spaces | envs | frames | walk ADDRESS"""

    def __init__(self) -> None:
        super().__init__("quarry", gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Runs one of them."""
        del from_tty
        words = argument.split(None, 1)
        simple = {"spaces": print_spaces, "envs": print_environments, "frames": print_frames}
        if words and words[0] in simple:
            simple[words[0]]()
        elif len(words) == 2 and words[0] == "walk":
            print_walk(int(gdb.parse_and_eval(words[1])) & (1 << 64) - 1)
        else:
            print("quarry spaces | envs | frames | walk ADDRESS")


Quarry()
