"""``python -m benchmarks``: measure, then print."""

import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import options

if TYPE_CHECKING:
    from benchmarks.session import Session

NEEDED = {"unzip": ("staging",), "zip": ("download",)}
DISK = 30e9  # bytes; a tenth with --quick


def main() -> int:
    """The exit status: 0 when everything that was asked for was measured."""
    chosen = options.parse()
    names: list[str] = chosen.only or list(options.SECTIONS)
    missing = [tool for tool, sections in NEEDED.items() if set(sections) & set(names) and not shutil.which(tool)]
    if missing:
        print(
            f"missing: {' and '.join(missing)} (Debian, Ubuntu: apt install {' '.join(missing)})",
            file=sys.stderr,
        )
        return 1
    from benchmarks.report import machine
    from benchmarks.session import Session

    with _work_directory(chosen.work) as work:
        free, needed = shutil.disk_usage(work).free, DISK / 10 if chosen.quick else DISK
        if free < needed:
            print(f"{work} has {free / 1e9:.0f} GB free; {needed / 1e9:.0f} GB are needed", file=sys.stderr)
            return 1
        session = Session(work, chosen.quick, chosen.engine)
        about = [*machine(), f"work directory on {_file_system(work)}, {free / 1e9:.0f} GB free"]
        print("# pfcon, measured" + (" (quick: a hint, no more)" if chosen.quick else ""))
        print("\n" + "\n".join(f"- {line}" for line in about) + "\n", flush=True)
        try:
            broken = [name for name in names if not _print_section(session, name)]
        finally:
            session.close()
    if broken:
        print(f"These measurements failed: {', '.join(broken)}.")
    return 1 if broken else 0


@contextmanager
def _work_directory(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="pfcon-benchmark-", dir="/var/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)  # jobs in containers pass through, as whatever user
        yield Path(name)


def _print_section(session: "Session", name: str) -> bool:
    from benchmarks.faults import NotHere
    from benchmarks.report import Table
    from benchmarks.sections import section

    try:
        table: Table = section(name)(session)
    except NotHere as reason:
        table = Table(name, notes=[f"Not measured here: {reason}"])
    except Exception as fault:  # noqa: BLE001 - the other sections' figures must not be lost with one
        traceback.print_exc()
        last_line = (str(fault).strip() or repr(fault)).splitlines()[-1]
        print(f"## {name}\n\n- FAILED: {last_line}\n", flush=True)
        return False
    print(table.markdown(), flush=True)
    return True


def _file_system(path: Path) -> str:
    """Type of the mount that holds a path (proc(5), mountinfo)."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = [line.split(" - ") for line in file]
    holding = {left.split()[4]: right.split()[0] for left, right in mounts if _holds(left.split()[4], str(path))}
    return holding[max(holding, key=len)] if holding else "an unknown file system"


def _holds(mount: str, path: str) -> bool:
    return os.path.commonpath([mount, path]) == mount


if __name__ == "__main__":
    sys.exit(main())
