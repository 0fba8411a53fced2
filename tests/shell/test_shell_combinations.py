"""Every combination of an engine and a storage that make.sh's help lists: started, used, and unmade."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.engines import (
    docker_url,
    htcondor_pool,
    podman_rootless_url,
    podman_url,
    slurm_cluster,
    swarm_url,
    swift_python,
)
from support.htcondor import htcondor_prefix
from support.ports import free_port
from support.shell import REPOSITORY, install_swift, run
from support.slurm import default_mode

from pfcon.paths import StoreBase

pytestmark = pytest.mark.slow

# What tells make.sh where each answers; skips or fails the test where it does not.
ENGINES: dict[str, Callable[[], dict[str, str]]] = {
    "process": dict,
    "docker": lambda: {"DOCKER_HOST": docker_url()},
    "podman": lambda: {"DOCKER_HOST": podman_url()},
    "swarm": lambda: {"DOCKER_HOST": swarm_url()},
    "slurm": lambda: {"SLURM_CONF": slurm_cluster(default_mode())},
    "htcondor": lambda: {"HTCONDOR_PREFIX": shlex.join(htcondor_prefix(htcondor_pool()))},
}
STORAGES = ["zipfile", "filesystem", "fslink", "swift", "s3"]
COMBINATIONS = [pytest.param(engine, name, id=f"{engine}-{name}") for engine in ENGINES for name in STORAGES]


def tree(checkout: Path) -> set[str]:
    """What is there, but for the environments, which the fixture makes in make.sh's place."""
    return {
        str(path.relative_to(checkout))
        for top in checkout.iterdir()
        if not top.name.startswith(".venv")
        for path in (top, *top.rglob("*"))
    }


def make_and_unmake(checkout: Path, engine: str, storage: str, where: dict[str, Any], *more: str) -> None:
    """A user's two commands; the sample job runs in between, and nothing is left."""
    if storage in ("swift", "s3"):
        install_swift(checkout, swift_python())
    before = tree(checkout)
    words = ["-O", engine, "-p", str(free_port()), *(["-N"] if storage != "zipfile" else []), "-F", storage, *more]
    done = run(checkout / "make.sh", *words, cwd=checkout.parent, **where)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"storage {storage}, jobs on {engine}" in done.stdout
    assert "bytes  letters/greek.sorted.txt" in done.stdout
    assert "| letters/greek.txt: 4 words" in done.stdout
    assert ("posted copy job" in done.stdout) is (storage in ("fslink", "swift", "s3"))
    assert ("posted upload job" in done.stdout) is (storage in ("swift", "s3"))
    gone = run(checkout / "unmake.sh", cwd=checkout.parent)
    assert gone.returncode == 0, gone.stderr
    assert ("removed image local/pfcon-sample:1" in gone.stdout) is (engine != "process")
    assert tree(checkout) == before
    assert not list(checkout.glob(".venv*"))


@pytest.mark.parametrize(("engine", "storage"), COMBINATIONS)
def test_make_runs_the_sample_job_and_unmake_leaves_nothing(checkout: Path, engine: str, storage: str) -> None:
    make_and_unmake(checkout, engine, storage, ENGINES[engine]())


@pytest.mark.parametrize("storage", ["zipfile", "fslink"])
def test_make_takes_a_podman_that_is_not_root(checkout: Path, storebase: StoreBase, storage: str) -> None:
    make_and_unmake(checkout, "podman", storage, {"DOCKER_HOST": podman_rootless_url()}, "-S", str(storebase.root))
    assert not list(storebase.root.iterdir())


@pytest.mark.parametrize(("letter", "tried"), [("O", list(ENGINES)), ("F", STORAGES)])
def test_the_help_lists_what_is_tried_here(letter: str, tried: list[str]) -> None:
    told = run(REPOSITORY / "make.sh", "-h", cwd=REPOSITORY).stdout
    paragraph = re.search(rf"^  -{letter} .*?(?=^  -)", told, re.MULTILINE | re.DOTALL)
    assert paragraph
    assert set(tried) <= set(re.findall(r"\w+", paragraph[0]))
