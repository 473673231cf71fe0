"""JOS programs of tests/jos, compiled by tools/jos-cc from source that names nothing of Quarry. A head says
what the console must have (`console:`), must not (`never:`), and how to boot (`processors:`, `memory:`,
`keys:`, once the console has `prompt:`)."""

import pathlib
import re
import subprocess
import tempfile

import quarry_qemu as qemu

from .common import Failed, Job, last_lines, save_console, single

SOURCES = qemu.ROOT / "tests" / "jos"


def _heads(text: str, key: str) -> list[str]:
    return re.findall(rf"^// {key}: (.+)$", text, re.MULTILINE)


def _run(source: pathlib.Path) -> None:
    text = source.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / source.stem
        compiled = subprocess.run([str(qemu.ROOT / "tools" / "jos-cc"), str(source), "-o", str(program)],
                                  check=False, capture_output=True, text=True)
        if compiled.returncode != 0 or compiled.stderr:
            raise Failed(compiled.stderr)
        archive = pathlib.Path(folder) / "archive"
        qemu.make_archive(archive, [], {source.stem: program})
        processors, memory = (_heads(text, "processors") or ["1"])[0], (_heads(text, "memory") or ["64"])[0]
        keys = "".join(f"{line}\n" for line in _heads(text, "keys")).encode()
        result = qemu.run(["-kernel", str(qemu.kernel()), "-initrd", str(archive), "-append", source.stem],
                          memory_mib=int(memory), processors=int(processors), keys=keys,
                          prompt="".join(_heads(text, "prompt")).encode())
    save_console(f"jos-{source.stem}", result)
    if result.exit_status() != 0:
        raise Failed(f"the machine did not come to its end: {result.how()}\n{last_lines(result.console)}")
    for pattern in _heads(text, "console"):
        if not re.search(pattern, result.console, re.MULTILINE):
            raise Failed(f"expected on the console: {pattern}\ngot:\n{last_lines(result.console, 40)}")
    for pattern in _heads(text, "never"):
        if re.search(pattern, result.console, re.MULTILINE):
            raise Failed(f"not expected on the console: {pattern}\ngot:\n{last_lines(result.console, 40)}")


def jobs(only: str) -> list[Job]:
    """One boot each: the first environment's id is part of what JOS prints."""
    return [single("jos", f"jos_{path.stem}", lambda path=path: _run(path))
            for path in sorted(SOURCES.glob("*.c")) if only in f"jos_{path.stem}"]
