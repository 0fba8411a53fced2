"""Makes the zips of this directory anew, with the tools that people make zips with.

    python tests/data/zips/record.py NPM

needs Debian's zip, p7zip-full, libarchive-tools, default-jdk-headless, golang-go and nodejs, and NPM, a directory in
which `npm install archiver jszip adm-zip` was run. `made.json` has the tools' versions.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
TREE = {
    "plain.txt": b"plain",
    "empty.txt": b"",
    "dir/deep/text.txt": b"all work and no play\n" * 60,
    "Größe/ü名.txt": "Größe".encode(),
}
COLON = {"T:1.nii": b"volume", "dir/T:2.nii": b"volume"}
BACKSLASH = {"d\\e.txt": b"backslash"}
LINK = "link"
SEVEN, ZIP, BSDTAR = ["7z", "a", "-tzip", "-bso0", "-bsp0"], ["zip", "-q", "-r"], ["bsdtar", "--format", "zip"]


@dataclass(frozen=True)
class Making:
    """One command. ``OUT`` is the zip, ``DIR`` the directory with the files, and ``NAMES`` are theirs."""

    words: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=lambda: TREE)
    locale: str = "C.UTF-8"

    def run(self, out: Path, npm: Path | None = None) -> None:
        """Make the zip. Raises OSError, CalledProcessError."""
        with tempfile.TemporaryDirectory() as work:
            for name, content in self.files.items():
                path = Path(work, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                if name.endswith("/"):
                    path.mkdir()
                elif name == LINK:
                    path.symlink_to(os.fsdecode(content))
                else:
                    path.write_bytes(content)
            out.unlink(missing_ok=True)
            places = {"OUT": [str(out)], "DIR": [work], "NAMES": list(self.files)}
            command = [part for word in self.words for part in places.get(word, [word])]
            where = npm if npm and self.words[0] == "node" else work
            subprocess.run(command, cwd=where, env={**os.environ, "LC_ALL": self.locale}, check=True, timeout=600)


def plain(*words: str, files: Mapping[str, bytes] = TREE, locale: str = "C.UTF-8") -> Making:
    """A command that finds the files in its directory."""
    return Making(words, files, locale)


def javascript(name: str, files: Mapping[str, bytes] = TREE) -> Making:
    """A package of npm."""
    return Making(("node", str(HERE / "pack.js"), name, "DIR", "OUT", "NAMES"), files)


GO = ("go", "run", str(HERE / "pack.go"), "DIR", "OUT", "NAMES")
MAKINGS = {
    "zip": plain(*ZIP, "OUT", "."),
    "zip-c-locale": plain(*ZIP, "OUT", ".", locale="C"),
    "zip-marked": plain(*ZIP, "-UN=UTF8", "OUT", "."),
    "zip-bzip2": plain(*ZIP, "-Z", "bzip2", "OUT", "."),
    "zip-streamed": plain("sh", "-c", 'zip -q -r - . >"$1"', "zip", "OUT"),
    "zip-colon": plain(*ZIP, "OUT", ".", files=COLON),
    "zip-link": plain(*ZIP, "-y", "OUT", ".", files={**TREE, LINK: b"plain.txt"}),
    "zip-encrypted": plain(*ZIP, "-P", "secret", "OUT", "."),
    "7z": plain(*SEVEN, "OUT", "."),
    "7z-bzip2": plain(*SEVEN, "-mm=BZip2", "OUT", "."),
    "7z-lzma": plain(*SEVEN, "-mm=LZMA", "OUT", "."),
    "7z-deflate64": plain(*SEVEN, "-mm=Deflate64", "OUT", "."),
    "7z-ppmd": plain(*SEVEN, "-mm=PPMd", "OUT", "."),
    "7z-encrypted": plain(*SEVEN, "-psecret", "OUT", "."),
    "7z-aes": plain(*SEVEN, "-psecret", "-mem=AES256", "OUT", "."),
    "7z-colon": plain(*SEVEN, "OUT", ".", files=COLON),
    "bsdtar": plain(*BSDTAR, "-c", "-f", "OUT", "."),
    "bsdtar-c-locale": plain(*BSDTAR, "-c", "-f", "OUT", ".", locale="C"),
    "bsdtar-streamed": plain("sh", "-c", 'bsdtar --format zip -c -f - . | cat >"$1"', "bsdtar", "OUT"),
    "jar": plain("jar", "cMf", "OUT", "."),
    "jar-backslash": plain("jar", "cMf", "OUT", ".", files=BACKSLASH),
    "go": Making(GO, {**TREE, "nothing/": b""}),
    "go-backslash": Making(GO, BACKSLASH),
    "archiver": javascript("archiver"),
    "archiver-backslash": javascript("archiver", BACKSLASH),
    "jszip": javascript("jszip"),
    "jszip-unix": javascript("jszip-unix"),
    "jszip-backslash": javascript("jszip", BACKSLASH),
    "adm-zip": javascript("adm-zip"),
}


def versions(npm: Path) -> dict[str, str]:
    """What the tools say that they are."""
    asked = {"zip": ["zip", "-v"], "7z": ["7z", "i"], "bsdtar": ["bsdtar", "--version"], "jar": ["jar", "--version"]}
    asked |= {"go": ["go", "version"], "node": ["node", "--version"]}
    found = {}
    for name, command in asked.items():
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        words = ("Zip ", "7-Zip") if name in ("zip", "7z") else ("",)
        found[name] = next(line for line in lines if any(word in line for word in words))
    for name in ("archiver", "jszip", "adm-zip"):
        found[name] = json.loads((npm / "node_modules" / name / "package.json").read_text())["version"]
    return found


def main() -> None:
    npm = Path(sys.argv[1]).absolute()
    for name, making in MAKINGS.items():
        making.run(HERE / f"{name}.zip", npm)
    (HERE / "made.json").write_text(json.dumps(versions(npm), indent=2) + "\n")


if __name__ == "__main__":
    main()
