"""Boots of the whole machine: kinds of machine, sizes of memory, missing features, faults in the kernel,
the ISO image, the main job."""

import collections
import json
import os
import pathlib
import re
import subprocess
import tempfile

import bench
import quarry_qemu as qemu

from .common import Failed, Job, last_lines, save_console, single

TEXT = pathlib.Path("/usr/share/common-licenses/GPL-3")


def boot(name: str, words: str, *, programs: list[str], files: dict[str, pathlib.Path] | None = None,
         **options) -> qemu.Result:
    """Boots the kernel with these programs and saves the console."""
    with tempfile.TemporaryDirectory() as folder:
        archive = pathlib.Path(folder) / "archive"
        qemu.make_archive(archive, programs, files or {})
        result = qemu.run(["-kernel", str(qemu.kernel()), "-initrd", str(archive), "-append", words],
                          **options)
    save_console(name, result)
    return result


def expect(result: qemu.Result, status: int, *patterns: str) -> None:
    """Fails unless QEMU ended so and the console has every pattern."""
    if result.status != status:
        raise Failed(f"expected QEMU's status {status}, got {result.status} ({result.how()})\n"
                     f"{last_lines(result.console)}")
    for pattern in patterns:
        if not re.search(pattern, result.console):
            raise Failed(f"expected on the console: {pattern}\ngot:\n{last_lines(result.console)}")


def expect_hello(result: qemu.Result) -> None:
    """Fails unless hello ran and ended well."""
    expect(result, qemu.POWERED_OFF, r"hello from Quarry one two")
    if result.exit_status() != 0:
        raise Failed(f"expected exit 0, got: {result.how()}")


def hello_on(name: str, machine: str, memory_mib: int) -> Job:
    """Hello on one kind of machine with so much memory."""
    return single("machine", name, lambda: expect_hello(
        boot(name, "hello one two", programs=["hello"], machine=machine, memory_mib=memory_mib)))


def missing_feature(feature: str) -> Job:
    """Without a required feature the boot stops and names it."""
    name = f"missing_{feature}_is_named"
    shown = feature.upper()
    return single("machine", name, lambda: expect(
        boot(name, "hello", programs=["hello"], processor=f"max,-{feature}"),
        qemu.MISSING_FEATURE, rf"needs the processor feature {shown},"))


SELF_TESTS = {
    "smap": (r"page fault", r"touched user memory outside the copy path \(SMAP\)"),
    "smep": (r"page fault", r"touched user memory outside the copy path \(SMEP\)"),
    "nx": (r"page fault", r"run_self_test"),
    "read-only-text": (r"page fault", r"write_to_text"),
    "stack-overflow": (r"double fault", r"stack overflowed into its guard page", r"recurse"),
    "null": (r"page fault", r"page walk of 0x8", r"touch_null"),
    "breakpoint": (r"panic: breakpoint", r"hit_breakpoint"),
    "hardening": (r"panic: .*", r"index_out_of_range"),
}


def self_test(name: str) -> Job:
    """A fault in the kernel panics: cause, registers, backtrace with names, status of its own."""
    label = f"kernel_fault_{name.replace('-', '_')}_panics"
    return single("machine", label, lambda: expect(
        boot(label, f"--self-test={name} hello", programs=["hello"]), qemu.PANIC,
        r"Quarry panic:", r"rip [0-9a-f]{16}" if name != "hardening" else "calls", *SELF_TESTS[name]))


def wordcount_equals_the_shells() -> None:
    """The counts equal what the usual tools say of the same file."""
    shell = subprocess.run(
        "tr -cs A-Za-z '\\n' | tr A-Z a-z | sort | uniq -c", shell=True, check=True,
        stdin=TEXT.open("rb"), capture_output=True, text=True, env={"LC_ALL": "C"}).stdout
    expected = collections.Counter({word[1]: int(word[0]) for line in shell.splitlines()
                                    if len(word := line.split()) == 2})
    result = boot("wordcount", "wordcount --all input", programs=["wordcount"],
                  files={"input": TEXT})
    expect(result, qemu.POWERED_OFF)
    counted = collections.Counter({word[1]: int(word[0]) for line in result.console.splitlines()
                                   if len(word := line.split()) == 2})
    if counted != expected:
        wrong = [w for w in expected | counted if expected[w] != counted[w]]
        raise Failed(f"{len(wrong)} words differ, among them {wrong[:5]}")


def the_heap_is_drawn() -> None:
    """run.py --heapmap makes a page out of a program's dump, and keeps the dump off the terminal."""
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder) / "map.html"
        result = subprocess.run([str(qemu.ROOT / "tools" / "run.py"), "--heapmap", str(page)],
                                check=False, capture_output=True, text=True)
        if result.returncode != 0 or not page.exists() or "unit_bytes" in result.stdout:
            raise Failed(f"run.py ended with {result.returncode}\n"
                         f"{last_lines(result.stdout + result.stderr)}")
        found = re.search(r"const dumps = (\[.*\]);", page.read_text(encoding="utf-8"))
        dump = json.loads(found.group(1))[0] if found else {}
        kinds = {item[2] for item in dump.get("map", [])}
        if not {"slab", "large"} <= kinds or sum(item[1] for item in dump["map"]) != dump["units"] - 1:
            raise Failed(f"the page's dump is not whole: {dump}"[:500])


def exit_status_travels() -> None:
    """A program's exit status is the machine's, a missing program is said so."""
    result = boot("no_input", "wordcount missing", programs=["wordcount"])
    if result.exit_status() != 1:
        raise Failed(f"expected exit 1, got: {result.how()}")
    expect(boot("no_program", "nobody", programs=["hello"]), qemu.NO_PROGRAM,
           r"cannot start 'nobody': not_found")
    expect(boot("fault_first", "null_write_ends_the_program",
                programs=["null_write_ends_the_program"]), qemu.POWERED_OFF, r"page fault")


def boot_work_does_not_grow_with_memory() -> None:
    """From the kernel's first instruction to a program costs the same with 64 MiB and with 20 GiB."""
    counts = []
    for memory in (64, 20 * 1024):
        result = boot(f"uptime_{memory}", "uptime", programs=["uptime"], memory_mib=memory)
        found = re.search(r"up for (\d+) ns", result.console)
        if not found:
            raise Failed(last_lines(result.console))
        counts.append(int(found.group(1)))
    if counts[1] > counts[0] * 1.02:
        raise Failed(f"{counts[0]} instructions with 64 MiB, {counts[1]} with 20 GiB")


def costs_are_as_recorded() -> None:
    """No count is more than 2 % above bench/results.md, none of the kernel's above its limit, and a warm
    malloc pair needs fewer than 60."""
    kernel = bench.kernel_table()
    recorded = dict(re.findall(r"^\| (.+?) \| ([\d,.]+) \|", (qemu.ROOT / "bench" / "results.md")
                               .read_text(encoding="utf-8"), re.MULTILINE))
    for name, now in re.findall(r"^\| (.+?) \| ([\d,.]+) \|", f"{bench.table()}\n{kernel}",
                                re.MULTILINE):
        before, after = (float(text.replace(",", "")) for text in (recorded.get(name, "0"), now))
        if after > before * 1.02:
            raise Failed(f"{name}: {after:,} now, {before:,} recorded; if that must be, record it "
                         "with tools/bench.py --record")
        if name.startswith("warm `malloc`") and after >= 60:
            raise Failed(f"{name}: {after:.0f} instructions, to be fewer than 60")
    for name, now, limit in re.findall(r"^\| (.+?) \| ([\d,.]+) \| [\d,.]+ \| (\d+) \|", kernel,
                                       re.MULTILINE):
        if float(now.replace(",", "")) > float(limit):
            raise Failed(f"{name}: {now} instructions, at most {limit}")


def sixty_four_processors_run() -> None:
    """Threads, shootdowns and forks on as many processors as the kernel takes."""
    names = ["threads_share_the_heap_and_have_their_own_objects", "forks_of_a_threaded_program_work",
             "messages_go_between_environments"]
    result = boot("processors_64", " ".join(["suite", *names]), programs=["suite", *names],
                  processors=64)
    expect(result, qemu.POWERED_OFF, *(rf"\[suite\] end {name} exit 0 kept 0" for name in names))


def a_silent_guest_has_hung() -> None:
    """A machine that stands still fails the test that booted it, and is no broken environment; several
    processors do not take turns, of which one may get none."""
    stopped = boot("silent", "", programs=[], processors=2, extra=["-S"], first_output_seconds=1)
    expect(stopped, qemu.HUNG)
    if "-icount" in stopped.command:
        raise Failed("two processors take turns, though nobody counts")


def independent_work_scales() -> None:
    """What each processor does for itself costs at most a tenth more on 8 of them than on one."""
    for name, costs in bench.scaling().items():
        if max(costs) > costs[0] * bench.SCALING_LIMIT:
            raise Failed(f"{name}: {costs} instructions on {bench.SCALING_PROCESSORS} processors")


def keys_reach_a_program() -> None:
    """Typed keys arrive through the receive interrupt; the reader sleeps until then."""
    result = boot("keys", "echo_keys", programs=["echo_keys"], keys=b"Quarry\nq", prompt=b"type a line: ")
    expect(result, qemu.POWERED_OFF, r"you typed: Quarry")


def keys_typed_before_the_machine_runs_reach_a_program() -> None:
    """What is in the serial port when the kernel begins is kept."""
    result = boot("early_keys", "echo_keys", programs=["echo_keys"], keys=b"Quarry\nq", prompt=None)
    expect(result, qemu.POWERED_OFF, r"you typed: Quarry")


def monitor_shows_the_machine() -> None:
    """Ctrl-] enters the monitor while a program waits for keys; its commands print what there is."""
    commands = ["help", "spaces", "envs", "frames", "backtrace", "mappings", "walk 400000",
                "dump 400000 20", "protect 3fec0000 r", "mappings", "nonsense", "walk", "trace on",
                "continue", "Quarry", "q"]
    result = boot("monitor", "echo_keys", programs=["echo_keys"],
                  keys=b"\x1d" + "\n".join(commands).encode(), prompt=b"type a line: ")
    expect(result, qemu.POWERED_OFF, r"kernel monitor! \(Ctrl-\]\)", r"backtrace +\[environment\]",
           r"10000  echo_keys, 1 environments", r"10000 \[00001000\] .*; echo_keys, rip",
           r"\d+ of \d+ frames are free",
           r"000000400000 to 0000004\d+000 +\d+ pages  r-x",
           r"PT +\[  0\] = [0-9a-f]{16}  r-x may execute, frame [0-9a-f]+, 1 references",
           r"000000400000  31 ed 48", r"00003fec0000 to 00003fec1000 +1 pages  r--\s",
           r"Unknown command 'nonsense'", r"walk: bad_argument. Usage: walk address", r"you typed: Quarry")
    if not re.search(r"^\[echo_keys 10000\] console_write\(text: [0-9a-f]+\[\d+\]\) = ", result.record,
                     re.MULTILINE):
        raise Failed(f"no trace:\n{last_lines(result.record)}")


def monitor_steps_a_program() -> None:
    """With --monitor a breakpoint enters the monitor, which shows calls and steps by instructions."""
    result = boot("monitor_step", "--monitor breakpoint_ends_the_program",
                  programs=["breakpoint_ends_the_program"], keys=b"backtrace\nstep\nstep\npoweroff\n")
    expect(result, qemu.POWERED_OFF, r"kernel monitor! \(breakpoint\)", r"main\+0x",
           r"(?s)stepped to 0x4.*stepped to 0x4")


def trace_names_calls_and_arguments() -> None:
    """With --trace every call is a line: who, its name, its typed arguments, its result."""
    result = boot("trace", "--trace suite pages_move_without_copying",
                  programs=["suite", "pages_move_without_copying"])
    expect(result, qemu.POWERED_OFF, r"kept 0")
    for pattern in (r"^\[suite 10000\] space_create\(account_pages: 0, options: 3, name: ", r"\.\.\. = ",
                    r"page_move\(from_space: own, from: [0-9a-f]+ \+ \d+, to_space: own, to: [0-9a-f]+, m",
                    r"env_start\(env: [0-9a-f]+\)\.\.\.$", r"^exit 0"):
        if not re.search(pattern, result.record, re.MULTILINE):
            raise Failed(f"expected in the trace: {pattern}\ngot:\n{last_lines(result.record)}")


def replay_goes_backwards() -> None:
    """make replay: the recorded run again under gdb, one instruction on and one back."""
    with tempfile.TemporaryDirectory() as folder:
        commands = pathlib.Path(folder) / "commands"
        commands.write_text("hbreak quarry_user_trap\ncontinue\nprint $rip\nstepi\nprint $rip\n"
                            "reverse-stepi\nprint $rip\nkill\n", encoding="ascii")
        result = subprocess.run(
            [str(qemu.ROOT / "tools" / "replay.sh"), "--program", "null_write_ends_the_program"],
            check=False, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
            env=os.environ | {"GDB_COMMANDS": str(commands)})
    places = re.findall(r"^\$\d = .* (0x[0-9a-f]+) <", result.stdout, re.MULTILINE)
    if len(places) != 3 or places[0] != places[2] or places[0] == places[1]:
        raise Failed(f"expected to be back where it began\n{last_lines(result.stdout + result.stderr)}")


def gdb_helpers_print_the_kernel() -> None:
    """make gdb: attached before the first instruction, and the helpers know spaces, frames and tables."""
    with tempfile.TemporaryDirectory() as folder:
        commands = pathlib.Path(folder) / "commands"
        commands.write_text("hbreak quarry_user_trap\ncontinue\nquarry spaces\nquarry envs\n"
                            "quarry frames\nquarry walk 0x400000\nkill\n", encoding="ascii")
        result = subprocess.run(
            [str(qemu.ROOT / "tools" / "debug.sh"), "--program", "null_write_ends_the_program"],
            check=False, capture_output=True, text=True, timeout=120,
            env=os.environ | {"GDB_COMMANDS": str(commands)})
    for pattern in (r"space 10000  null_write_ends_the_program", r"0 env 10000 .* runnable",
                    r"frames: \d+ free of \d+", r"PML4 \[  0\] = [0-9a-f]{16}  present write user",
                    r"PT   \[\d*\s*\d*\] = [0-9a-f]{16}  present user"):
        if not re.search(pattern, result.stdout):
            raise Failed(f"expected: {pattern}\ngot:\n{last_lines(result.stdout + result.stderr)}")


def iso_boots(firmware: str) -> None:
    """The ISO image boots by this firmware."""
    with tempfile.TemporaryDirectory() as folder:
        iso = pathlib.Path(folder) / "quarry.iso"
        made = subprocess.run([str(qemu.ROOT / "tools" / "make_iso.py"), str(iso), "--program",
                               "hello", "--args", "one two"], check=False, capture_output=True,
                              text=True)
        if made.returncode != 0:
            raise Failed(made.stdout + made.stderr)
        bios = ["-bios", "/usr/share/ovmf/OVMF.fd"] if firmware == "uefi" else []
        result = qemu.run(["-cdrom", str(iso), *bios, "-vga", "std"], memory_mib=256,
                          repeatable=firmware == "bios", first_output_seconds=180)
        save_console(f"iso_{firmware}", result)
        expect_hello(result)


def jobs(only: str) -> list[Job]:
    """Every boot whose name contains `only`."""
    named = {
        "boots_on_q35": hello_on("boots_on_q35", "q35", 128),
        "boots_on_pc": hello_on("boots_on_pc", "pc", 128),
        "boots_on_microvm": hello_on("boots_on_microvm", "microvm", 128),
        "boots_with_64_mib": hello_on("boots_with_64_mib", "q35", 64),
        "boots_with_1_gib": hello_on("boots_with_1_gib", "pc", 1024),
        "boots_with_20_gib": hello_on("boots_with_20_gib", "q35", 20 * 1024),
    }
    for feature in ("nx", "smep", "smap", "umip", "fsgsbase", "rdtscp", "xsave"):
        named[f"missing_{feature}_is_named"] = missing_feature(feature)
    for name in SELF_TESTS:
        named[f"kernel_fault_{name.replace('-', '_')}_panics"] = self_test(name)
    for test in (wordcount_equals_the_shells, the_heap_is_drawn, exit_status_travels, keys_reach_a_program,
                 keys_typed_before_the_machine_runs_reach_a_program,
                 monitor_shows_the_machine,
                 monitor_steps_a_program, trace_names_calls_and_arguments, replay_goes_backwards,
                 gdb_helpers_print_the_kernel, boot_work_does_not_grow_with_memory,
                 costs_are_as_recorded, independent_work_scales, sixty_four_processors_run,
                 a_silent_guest_has_hung):
        named[test.__name__] = single("machine", test.__name__, test)
    for firmware in ("bios", "uefi"):
        named[f"iso_boots_by_{firmware}"] = single(
            "machine", f"iso_boots_by_{firmware}", lambda f=firmware: iso_boots(f))
    return [job for name, job in named.items() if only in name]
