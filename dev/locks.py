"""What each lock file of requirements/ is for: `python dev/locks.py [NAME]` prints its requirements, or all names.

Standard library only. dev/lock.sh makes the files, dev/venv.sh and the Dockerfile install from them.
"""

import configparser
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = {"service": (), "image": ("keystone", "postgresql"), "test": ("keystone", "postgresql", "test")}
TOOLS = {
    "client4": ["python-pfconclient==4.0.0"],  # the tests' second release of the client
    "swift": ["swift==2.38.3"],  # the one that dev/swift_server.py fits
    "tools": ["pip-audit", "uv"],
}
NAMES = ("test", "image", "service", *TOOLS)  # the first has all that the next two have
ALONE = ("client4",)  # without what it needs itself: that is in test


def requirements(name: str) -> list[str]:
    """The requirements that a lock file has to satisfy; what builds the package is among them."""
    if name in TOOLS:
        return TOOLS[name]
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    texts = [setup["options"]["install_requires"], *(setup["options.extras_require"][extra] for extra in EXTRAS[name])]
    return sorted(
        {line for text in texts for line in text.split("\n") if line} | set(project["build-system"]["requires"])
    )


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1]) if len(sys.argv) > 1 else NAMES))
