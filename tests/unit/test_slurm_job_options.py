"""Options of jobs on Slurm, by launcher: /dev/shm, the user, GPUs; what a launcher can't give is refused by name."""

import json
from pathlib import PurePosixPath
from typing import Any

import pytest
from support.slurm_jobs import placed, spec

from pfcon.compute.slurm.abilities import Ability
from pfcon.compute.slurm.launchers import LAUNCHERS
from pfcon.compute.slurm.node_job import OF_GPUS, Image, NodeJob
from pfcon.compute.slurm.settings import LauncherName
from pfcon.errors import Refused
from pfcon.models import Resources, User


@pytest.mark.parametrize("name", [LauncherName.CRUN, LauncherName.RUNC, LauncherName.CONTAINER])
def test_a_bundle_has_the_size_of_shared_memory(name: LauncherName) -> None:
    for size, option in ((None, []), (32, ["size=32m"])):
        text = LAUNCHERS[name].files(placed(spec(resources=Resources(shm=size))))["config.json"]
        (mount,) = (mount for mount in json.loads(text)["mounts"] if mount["destination"] == "/dev/shm")
        assert mount["options"] == ["noexec", "nosuid", "nodev", "mode=1777", *option]


@pytest.mark.parametrize(
    ("submitter", "user", "mappings"),
    [
        ((2001, 2002), User(5, 6), ({5: 0}, {6: 0})),
        ((2001, 2002), User(None, 6), ({0: 0}, {6: 0})),
        ((2001, 2002), User(2001, None), ({2001: 0}, {2002: 0})),
        ((0, 0), User(0, 0), ({0: 0}, {0: 0})),
        ((0, 0), User(5, 6), ({0: 0, 5: 5}, {0: 0, 6: 6})),
        ((0, 0), User(5, None), ({0: 0, 5: 5}, {0: 0})),
        ((0, 0), None, ({0: 0}, {0: 0})),
    ],
)
def test_a_job_s_user_is_the_submitter_or_with_root_itself(
    submitter: tuple[int, int], user: User | None, mappings: tuple[dict[int, int], dict[int, int]]
) -> None:
    """As seen in the user namespace of the job's first process, whose root is the submitter."""
    files = LAUNCHERS[LauncherName.CRUN].files(placed(spec(user=user), submitter))
    found = json.loads(files["config.json"])
    assert found["process"]["user"] == {"uid": max(mappings[0]), "gid": max(mappings[1]), "umask": 0o022}
    for kind, expected in zip(("uid", "gid"), mappings, strict=True):
        assert {one["containerID"]: one["hostID"] for one in found["linux"][f"{kind}Mappings"]} == expected
    assert ("uid_map" in files["launch.sh"]) == (submitter == (0, 0) and user not in (None, User(0, 0)))


@pytest.mark.parametrize("launcher", list(LAUNCHERS))
@pytest.mark.parametrize("submitter", [(0, 0), (2001, 2002)])
def test_every_launcher_runs_jobs_whose_user_is_the_submitter(
    launcher: LauncherName, submitter: tuple[int, int]
) -> None:
    """So do operations of pfcon itself that run on the engine."""
    assert LAUNCHERS[launcher].files(placed(spec(user=User(*submitter)), submitter))["launch.sh"]


@pytest.mark.parametrize("launcher", list(LAUNCHERS))
@pytest.mark.parametrize(
    ("ability", "fields", "submitter"),
    [
        (Ability.SHM, {"resources": Resources(shm=32)}, (2001, 2002)),
        (Ability.USER, {"user": User(5, 6)}, (2001, 2002)),
        (Ability.USER_OF_ROOT, {"user": User(5, 6)}, (0, 0)),
    ],
)
def test_an_option_that_a_launcher_cannot_give_is_refused_by_name(
    launcher: LauncherName, ability: Ability, fields: dict[str, Any], submitter: tuple[int, int]
) -> None:
    found = LAUNCHERS[launcher]
    job = placed(spec(**fields), submitter)
    if ability in found.gives:
        assert found.files(job)
        return
    with pytest.raises(Refused, match=rf"^{ability.asked}: SLURM_LAUNCHER={launcher} can't .*; these can: crun, "):
        found.files(job)


def test_a_job_with_gpus_is_told_which_ones_it_may_use_unless_it_says_so_itself() -> None:
    image = Image(PurePosixPath("/r"), (("NVIDIA_VISIBLE_DEVICES", "all"),))
    for gpus, env, names in ((0, (), ()), (1, (), OF_GPUS), (1, (("CUDA_VISIBLE_DEVICES", "3"),), OF_GPUS[1:])):
        job = spec(resources=Resources(gpus=gpus), env=env)
        found = NodeJob.of(job, "5f", image, directory=PurePosixPath("/j"), root=PurePosixPath("/s"), user=(1, 1))
        assert found.of_gpus == names
        assert ("NVIDIA_VISIBLE_DEVICES" in found.env) == (gpus == 0)


@pytest.mark.parametrize("launcher", [name for name, found in LAUNCHERS.items() if Ability.GPUS not in found.gives])
def test_gpus_are_refused_by_launchers_that_cannot_give_them(launcher: LauncherName) -> None:
    with pytest.raises(Refused, match=f"SLURM_LAUNCHER={launcher} can't give GPUs .* apptainer"):
        LAUNCHERS[launcher].files(placed(spec(resources=Resources(gpus=1))))
