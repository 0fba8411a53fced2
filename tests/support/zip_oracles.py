"""What other programs make of a zip: each unpacks it into a directory of its own."""

import io
import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from .engines.need import Unavailable, need

Tree = dict[str, bytes | None]  # None: an empty directory

PROGRAMS = {"unzip": ["unzip", "-qq", "-o", "ZIP", "-d", "OUT"], "bsdtar": ["bsdtar", "-x", "-f", "ZIP", "-C", "OUT"]}
PACKAGES = {"unzip": "unzip", "bsdtar": "libarchive-tools", "zip": "zip", "7z": "p7zip-full"}
ORACLES = ("zipfile", *PROGRAMS)


def program(name: str) -> str:
    """The path of a program; skips the test without it, and fails it where it is required."""
    return need(name, lambda: _path(name))


def _path(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Unavailable(f"there is no {name} (Debian: apt install {PACKAGES[name]})")
    return found


def seen_by(oracle: str, content: bytes) -> Tree:
    """What an oracle unpacks, whatever it says besides."""
    with tempfile.TemporaryDirectory() as work:
        out, file = Path(work, "out"), Path(work, "zip")
        out.mkdir()
        file.write_bytes(content)
        if oracle == "zipfile":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                archive.extractall(out)
        else:
            command = [{"ZIP": str(file), "OUT": str(out)}.get(word, word) for word in PROGRAMS[oracle]]
            subprocess.run(
                [program(oracle), *command[1:]],
                env={**os.environ, "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=120,
                check=False,
            )
        return full_tree(out)


def full_tree(root: Path) -> Tree:
    """Files and empty directories; a link has the place that it leads to for content."""
    found: Tree = {}
    for above, directories, names in os.walk(root):
        for name in names + [name for name in directories if os.path.islink(Path(above, name))]:
            path = Path(above, name)
            content = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
            found[str(path.relative_to(root))] = content
        if not directories and not names and above != str(root):
            found[str(Path(above).relative_to(root))] = None
    return found
