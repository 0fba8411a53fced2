"""Programs and packages that tests use as users do: kubectl, a browser and a release of the client."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from pfcon.testing.waiting import PATIENCE

from .need import Unavailable, need


def kubectl() -> str:
    """A kubectl whose kustomize knows components; skips or fails the test without one."""
    return need("kubectl", _find_kubectl)


def client4() -> str:
    """Directory for a PYTHONPATH, with the released python-pfconclient 4; skips or fails the test without one."""
    return need("pfconclient4", _find_client4)


def unsquashfs() -> str:
    """The program that unpacks SIF files; skips or fails the test without it."""
    return need("unsquashfs", _find_unsquashfs)


def machine_path() -> str:
    """PATH without the commands of today's engines: only root can run them, as each enters another tree."""
    entries = os.environ["PATH"].split(os.pathsep)
    enter = os.environ.get("PFCON_TEST_ENTER")
    return os.pathsep.join(entry for entry in entries if not enter or Path(entry) != Path(enter).parent / "bin")


def chromium() -> str:
    """The browser; skips or fails the test without it."""
    return need("chromium", _find_chromium)


def _find_chromium() -> str:
    program = os.environ.get("PFCON_TEST_CHROMIUM") or shutil.which("chromium")
    if not program:
        raise Unavailable("no Chromium (Debian: chromium); install it, or set PFCON_TEST_CHROMIUM to its path")
    return program


def _find_unsquashfs() -> str:
    program = shutil.which("unsquashfs")
    if not program:
        raise Unavailable("unsquashfs is not installed (Debian: squashfs-tools)")
    return program


def _find_kubectl() -> str:
    program = os.environ.get("PFCON_TEST_KUBECTL") or shutil.which("kubectl")
    if not program:
        raise Unavailable("no kubectl; install one (tests/engines/kubectl.sh) and set PFCON_TEST_KUBECTL to its path")
    words = [program, "version", "--client"]
    told = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    if not re.search(r"Kustomize Version: v[5-9]", told.stdout):
        raise Unavailable(f"{program} is too old: its kustomize is older than version 5")
    return program


def _find_client4() -> str:
    name = os.environ.get("PFCON_TEST_CLIENT4")
    if not name:
        advice = "pip install --no-deps --target DIR python-pfconclient==4.0.0, and set PFCON_TEST_CLIENT4 to DIR"
        raise Unavailable(f"no python-pfconclient 4; tests/run.sh installs it, or: {advice}")
    directory = Path(name).resolve()
    if not (directory / "pfconclient/client.py").is_file():
        raise Unavailable(f"PFCON_TEST_CLIENT4={name} holds no package pfconclient; tests/run.sh installs it")
    return str(directory)
