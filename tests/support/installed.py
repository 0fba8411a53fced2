"""Packages with an engine or a storage of their own, as their authors have them: installed by pip, beside pfcon."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Installed:
    """source: a copy of the package's sources. site: where it is installed."""

    source: Path
    site: Path

    @property
    def path(self) -> str:
        """PYTHONPATH: the installed package, and this pfcon."""
        return f"{self.site}{os.pathsep}{ROOT}"

    def run(self, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run a module of Python in the directory of the sources."""
        return subprocess.run(
            [sys.executable, "-m", *words],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": self.path, **environ},
            cwd=self.source,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def run_tests(self, module: str) -> tuple[int, int]:
        """Run the package's own tests, which must pass. Return how many tests the module has, and how many skipped."""
        report = self.source / "report.xml"
        # A directory of its own: pytest removes those of earlier runs below /tmp, and fails if it can't.
        places = (f"--basetemp={self.source.parent / 'tmp'}", f"--junit-xml={report}")
        done = self.run("pytest", "-q", "-rs", "-n", "0", "-p", "no:cacheprovider", *places)
        print(done.stdout[-20_000:], done.stderr)
        assert done.returncode == 0
        cases = list(ElementTree.parse(report).iter("testcase"))
        found = [case for case in cases if case.get("classname", "").endswith(module)]
        return len(found), sum(case.find("skipped") is not None for case in found)


def pip_install(package: Path, directory: Path) -> Installed:
    """Install a package into an empty directory, without network. What is tested is what was installed."""
    leftovers = shutil.ignore_patterns("__pycache__", ".*", "build", "*.egg-info")
    source = Path(shutil.copytree(package, directory / "source", ignore=leftovers))
    made = Installed(source, directory / "site")
    offline = ["--isolated", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-build-isolation"]
    done = made.run("pip", "install", "--quiet", *offline, "--target", str(made.site), str(source))
    assert done.returncode == 0, done.stderr
    for code in package.glob("pfcon_*"):
        shutil.rmtree(source / code.name)
    return made
