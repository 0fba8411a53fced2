"""What a rootless Podman is able to do on this machine."""

import functools
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from pfcon.models import User
from pfcon.paths import JobDir
from pfcon.testing.compute.capabilities import Capabilities
from pfcon.testing.waiting import PATIENCE

from .engines import podman_rootless_url

PROBE = Path(__file__).parents[2] / "dev/engine_api.py"


def capabilities(podman: Capabilities) -> Capabilities:
    """Those of a Podman that is root, less what this one lacks."""
    user = "a rootless Podman's users have other numbers outside: whoever is root there can't give them directories"
    unlimited = _unlimited(podman_rootless_url())
    lack = "this rootless Podman limits none of it: cgroups version 1, or a controller that was not delegated to it"
    return replace(
        podman,
        user=user,
        mounts="a service of a rootless Podman runs as the same user",
        memory=lack if "memory" in unlimited else "",
        pids=lack if "pids" in unlimited else "",
    )


def give_to_its_user(job: JobDir, _user: User | None) -> None:
    """Make a job's directory that of the Podman's user, as those of a service are, which runs as that user."""
    os.chown(job.path, os.stat(podman_rootless_url().removeprefix("unix://")).st_uid, -1)


@functools.cache
def _unlimited(url: str) -> list[str]:
    """Controllers of cgroups(7) that it can't use, as make.sh tells its user."""
    words: list[str | Path] = [sys.executable, PROBE, "probe", url]
    told = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=True)
    found = re.search(r"can't limit (.*) of jobs", told.stdout)
    return found[1].split(", ") if found else []
