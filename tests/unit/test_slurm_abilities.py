"""Which options of jobs a launcher refuses at the start of pfcon, and which ones when the submitting user is known."""

from pathlib import Path, PurePosixPath

import pytest
from support.settings import compute_settings

from pfcon.compute.engines import make_engine
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.settings import ContainerUser, IdRange, container_user
from pfcon.compute.slurm.abilities import option_faults
from pfcon.compute.slurm.launchers import LAUNCHERS
from pfcon.compute.slurm.settings import LauncherName, SlurmSettings
from pfcon.errors import ConfigurationError, Refused
from pfcon.paths import StoreBase

SUBMITTER = (1000, 1001)
ROOT = (0, 0)
ANOTHER = "CONTAINER_USER is set, but SLURM_LAUNCHER={} can't give jobs another user"
OF_ROOT = "CONTAINER_USER is set, but SLURM_LAUNCHER={} can't run jobs that root submits as another user of the node"


def user_faults(
    user: str, launcher: LauncherName, submitter: tuple[int, int] | None, *, root: bool = True
) -> list[str]:
    options = compute_settings(engine="slurm", user=container_user().parse(user))
    return option_faults(options, LAUNCHERS[launcher].gives, f"SLURM_LAUNCHER={launcher}", submitter, root=root)


@pytest.mark.parametrize("launcher", list(LAUNCHERS))
@pytest.mark.parametrize("user", [":", "1000:", ":1001", "1000:1001", "1000-1000:1001"])
def test_a_user_who_can_only_be_the_submitter_is_accepted_with_every_launcher(
    launcher: LauncherName, user: str
) -> None:
    for submitter in (SUBMITTER, None):
        assert user_faults(user, launcher, submitter) == []
        assert user_faults(user, launcher, submitter, root=False) == []


@pytest.mark.parametrize("user", ["1000:1000", "5:", ":5", "1000-1001:1001", "0:0"])
def test_another_user_than_the_submitter_is_refused_by_a_launcher_that_cannot_give_one(user: str) -> None:
    for launcher in (LauncherName.RUNC, LauncherName.PODMAN):
        assert user_faults(user, launcher, SUBMITTER) == [ANOTHER.format(launcher)]
    assert user_faults(user, LauncherName.CHARLIECLOUD, SUBMITTER) == []


def test_another_user_than_root_is_refused_by_a_launcher_that_cannot_run_one_of_the_node() -> None:
    for launcher in (LauncherName.CHARLIECLOUD, LauncherName.PODMAN):
        assert user_faults("5:6", launcher, ROOT) == [OF_ROOT.format(launcher)]
        assert user_faults("0:0", launcher, ROOT) == []
    for launcher in (LauncherName.CRUN, LauncherName.RUNC):
        assert user_faults("5:6", launcher, ROOT) == []


def test_before_the_submitter_is_known_only_what_can_never_work_is_refused() -> None:
    assert user_faults("1000-1009:", LauncherName.PODMAN, None) == [ANOTHER.format("podman")]
    assert user_faults("1000-1009:", LauncherName.RUNC, None) == []  # root may submit
    assert user_faults("1000-1009:", LauncherName.RUNC, None, root=False) == [ANOTHER.format("runc")]
    assert user_faults("0:0", LauncherName.RUNC, None, root=False) == [ANOTHER.format("runc")]
    assert user_faults("1000-1009:", LauncherName.CHARLIECLOUD, None, root=False) == []


def test_all_options_that_a_launcher_cannot_give_are_told_at_once() -> None:
    options = compute_settings(engine="slurm", shm=32, user=ContainerUser(IdRange(1, 2), None))
    found = option_faults(options, LAUNCHERS[LauncherName.ENROOT].gives, "X=enroot", None)
    assert [text.partition(" is set")[0] for text in found] == ["SHM_SIZE", "CONTAINER_USER"]


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is an ordinary user."""
    monkeypatch.setattr("os.geteuid", lambda: SUBMITTER[0])
    monkeypatch.setattr("os.getegid", lambda: SUBMITTER[1])
    for engine in ("slurm", "htcondor"):
        monkeypatch.setattr(f"pfcon.compute.{engine}.commands.require_tools", lambda _: None)


@pytest.mark.usefixtures("as_user")
@pytest.mark.parametrize(
    ("engine", "own", "variable"),
    [
        ("slurm", SlurmSettings(launcher=LauncherName.RUNC), "SLURM_LAUNCHER"),
        ("htcondor", HTCondorSettings(launcher=LauncherName.RUNC), "HTCONDOR_LAUNCHER"),
    ],
)
def test_the_start_refuses_a_user_whom_no_job_can_have(
    engine: str, own: SlurmSettings | HTCondorSettings, variable: str, tmp_path: Path
) -> None:
    for user, accepted in (("1000:1001", True), ("1000:1000", False)):
        settings = compute_settings(engine=engine, own=own, timelimit=1, user=container_user().parse(user))
        if accepted:
            assert make_engine(settings, StoreBase(tmp_path))
            continue
        with pytest.raises(ConfigurationError, match=f"CONTAINER_USER is set, but {variable}=runc can't give jobs an"):
            make_engine(settings, StoreBase(tmp_path))


@pytest.mark.usefixtures("as_user")
def test_root_submits_no_jobs_to_htcondor_so_nothing_is_refused_for_its_sake(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    own = HTCondorSettings(launcher=LauncherName.CHARLIECLOUD)
    settings = compute_settings(engine="htcondor", own=own, timelimit=1, user=container_user().parse("5:6"))
    assert make_engine(settings, StoreBase(tmp_path))


# The commands of both systems. The probe job of `pfcon check` runs at once, and lacks nothing.
FAKE = r"""#!/bin/sh
shift
while case $1 in *=*) ;; *) false ;; esac; do shift; done
case "$1 $2" in
    "id -u") echo 1000 ;;
    "id -g") echo 1001 ;;
    sbatch*)
        echo "node n1" >"$(sed -n 's/^JOB=//p')/found"
        echo 17
        ;;
    condor_submit*)
        echo "node n1" >"$(sed -n "s,^arguments = .'\(.*\)/job.sh'.$,\1,p")/found"
        echo "17.0 - 17.0"
        ;;
esac
"""


@pytest.mark.parametrize(("engine", "section"), [("slurm", SlurmSettings), ("htcondor", HTCondorSettings)])
@pytest.mark.parametrize("user", ["1000:1001", "1000:1000"])
def test_the_check_refuses_another_user_when_the_other_host_has_told_who_submits(
    engine: str, section: type[SlurmSettings | HTCondorSettings], user: str, tmp_path: Path, storebase: StoreBase
) -> None:
    fake = tmp_path / "fake"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    settings = compute_settings(
        engine=engine,
        storebase=PurePosixPath(storebase.root),
        own=section(launcher=LauncherName.PODMAN, prefix=(str(fake),)),
        timelimit=1,
        user=container_user().parse(user),
    )
    found = make_engine(settings, storebase)  # nobody is asked at the start
    if user == "1000:1001":
        assert "n1 runs jobs with podman" in found.check()
        return
    with pytest.raises(Refused, match=f"^CONTAINER_USER is set, but {engine.upper()}_LAUNCHER=podman can't give jobs"):
        found.check()
