#!/usr/bin/env python3
"""Makes one ISO image that boots Quarry by BIOS and by UEFI: GRUB loads the kernel by Multiboot2 and the
archive as its module."""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

import quarry_qemu as qemu


def main() -> int:
    """Parses the command line and makes the image."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=pathlib.Path, help="the file to write")
    parser.add_argument("--program", default="hello", help="what to run (default: hello)")
    parser.add_argument("--args", default="", help="its arguments")
    arguments = parser.parse_args()
    if shutil.which("grub-mkrescue") is None:
        print("make_iso: grub-mkrescue is missing; `make setup` installs it", file=sys.stderr)
        return 1
    programs = sorted(p.name for p in (qemu.build_directory() / "archive").iterdir())
    with tempfile.TemporaryDirectory() as folder:
        boot = pathlib.Path(folder) / "boot"
        (boot / "grub").mkdir(parents=True)
        shutil.copy(qemu.kernel(), boot / "quarry.elf")
        qemu.make_archive(boot / "archive.cpio", programs, {})
        (boot / "grub" / "grub.cfg").write_text(
            "set timeout=0\n"
            "insmod all_video\n"
            'menuentry "Quarry" {\n'
            f"    multiboot2 /boot/quarry.elf {arguments.program} {arguments.args}\n"
            "    module2 /boot/archive.cpio\n"
            "}\n", encoding="ascii")
        result = subprocess.run(["grub-mkrescue", "-o", str(arguments.image), folder], check=False,
                                capture_output=True, text=True)
    if result.returncode != 0:
        print(result.stderr, file=sys.stderr)
        print("make_iso: grub-mkrescue failed; its message is above", file=sys.stderr)
        return 1
    print(f"{arguments.image}: {arguments.image.stat().st_size >> 20} MiB; try it with\n"
          f"  {qemu.QEMU} -cpu max -m 256M -cdrom {arguments.image} -serial stdio")
    return 0


if __name__ == "__main__":
    sys.exit(main())
