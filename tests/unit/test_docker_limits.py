"""The engine tells which limits it can't enforce."""

from typing import Any

import pytest
from support.compute import make_harness

from pfcon.compute.docker.limits import loses_exit_codes, missing_of_docker, missing_of_podman, sentence
from pfcon.paths import StoreBase


def test_docker_says_what_it_lacks() -> None:
    assert missing_of_docker({"MemoryLimit": True, "CpuCfsQuota": False, "PidsLimit": False}) == ["cpu", "pids"]
    assert missing_of_docker({"MemoryLimit": True}) == []  # an older one does not know the other keys


@pytest.mark.parametrize(
    ("controllers", "missing"),
    [
        (["cpu", "io", "memory", "pids"], []),
        (["memory", "pids"], ["cpu"]),
        ([], ["cpu", "memory", "pids"]),
        (None, ["cpu", "memory", "pids"]),
    ],
)
def test_podman_lists_its_controllers(controllers: list[str] | None, missing: list[str]) -> None:
    assert missing_of_podman({"host": {"cgroupControllers": controllers}}) == missing


def test_only_what_is_missing_is_told() -> None:
    assert sentence([]) == ""
    assert sentence(["cpu", "memory"]) == ", which can't limit cpu, memory of jobs,"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.engine(name)) for name in ("docker", "podman", "podman-rootless")]
)
def test_a_check_names_the_limits_that_jobs_do_not_have(storebase: StoreBase, name: str) -> None:
    harness = make_harness(name, storebase.root)
    assert ("which can't limit" in harness.engine.check()) is bool(harness.can.memory or harness.can.pids)


# Of Podman 5.4.2, with the containers.conf of Slurm's "Containers Guide" and two of the ways to call scrun.
@pytest.mark.parametrize(
    "info",
    [
        {
            "DefaultRuntime": "slurm",
            "Runtimes": {"slurm": {"path": "/usr/bin/scrun"}, "crun": {"path": "/usr/bin/crun"}},
        },
        {"DefaultRuntime": "scrun", "Runtimes": {"scrun": {"path": "/usr/local/bin/wrapper"}}},
    ],
)
def test_scrun_loses_exit_codes(info: dict[str, Any]) -> None:
    assert loses_exit_codes(info)


@pytest.mark.parametrize(
    "info",
    [{}, {"DefaultRuntime": "runc", "Runtimes": {"runc": {"path": "runc"}, "slurm": {"path": "/usr/bin/scrun"}}}],
)
def test_a_runtime_that_is_not_the_default_one_is_no_reason(info: dict[str, Any]) -> None:
    assert not loses_exit_codes(info)
