"""Settings of slurm and htcondor that would be ignored, or can't be what they are to be, are refused by name."""

import pytest
from support.settings_faults import DEV, faults, named

from pfcon.compute.slurm.settings import LauncherName

SLURM = DEV | {"CONTAINER_ENV": "slurm", "STOREBASE": "/data", "TIMELIMIT_MINUTES": "60"}
HTCONDOR = SLURM | {"CONTAINER_ENV": "htcondor"}
CDI = "/etc/cdi/gpus.json"


@pytest.mark.parametrize(
    ("environ", "prefix", "launchers"),
    [
        (SLURM, "SLURM", {*LauncherName}),
        (HTCONDOR, "HTCONDOR", {*LauncherName} - {LauncherName.CONTAINER}),
    ],
)
def test_a_cdi_file_is_refused_with_a_launcher_that_does_not_use_it(
    environ: dict[str, str], prefix: str, launchers: set[LauncherName]
) -> None:
    for launcher in sorted(launchers):
        found = faults(environ | {f"{prefix}_LAUNCHER": launcher, f"{prefix}_CDI": CDI})
        if launcher in (LauncherName.CRUN, LauncherName.RUNC):
            assert found == []
        else:
            [fault] = found
            expected = (
                f"{prefix}_CDI: got '{CDI}', but {prefix}_LAUNCHER={launcher} does not use it: only crun and runc do;"
            )
            assert fault.startswith(expected)
    assert faults(environ | {f"{prefix}_CDI": CDI}) == []


@pytest.mark.parametrize("launcher", list(LauncherName))
@pytest.mark.parametrize("mpi", ["pmix", "pmix_v5", "none", "pmi2"])
def test_pmix_is_refused_with_a_launcher_that_shows_no_worker_its_server(launcher: LauncherName, mpi: str) -> None:
    found = faults(SLURM | {"SLURM_LAUNCHER": launcher, "SLURM_MPI": mpi})
    if launcher in (LauncherName.CRUN, LauncherName.RUNC, LauncherName.COMMAND) or not mpi.startswith("pmix"):
        assert found == []
    else:
        [fault] = found
        assert fault.startswith(f"SLURM_MPI: got '{mpi}', but SLURM_LAUNCHER={launcher} does not show workers")


@pytest.mark.parametrize(
    ("option", "instead"),
    [
        ("--constraint=fast", "use SLURM_CONSTRAINT or NODE_SELECTOR"),
        ("--constr=fast", "use SLURM_CONSTRAINT or NODE_SELECTOR"),
        ("--partition=long", "use SLURM_PARTITION"),
        ("--part=long", "use SLURM_PARTITION"),
        ("--account=x", "use SLURM_ACCOUNT"),
        ("--qos=x", "use SLURM_QOS"),
        ("--gpus=1", "use the field gpu_limit of jobs, and SLURM_GPU_GRES"),
        ("--gpus-per-task=1", "use the field gpu_limit"),
        ("--gpus-per-node=1", "use the field gpu_limit"),
        ("--gpus-per-socket=1", "use the field gpu_limit"),
        ("--tres-per-task=gres/gpu:1", "use the fields cpu_limit and gpu_limit"),
        ("--gres=gpu:1", "requests gpu, which only jobs with gpu_limit request"),
        ("--gres=tmp:1G,gpu:a100:1", "requests gpu, which only jobs with gpu_limit request"),
        ("--gres", "--gres=NAME"),
    ],
)
def test_an_option_of_sbatch_that_would_replace_a_setting_is_refused_with_the_name_of_that_setting(
    option: str, instead: str
) -> None:
    """sbatch takes the last one of two."""
    [fault] = faults(SLURM | {"SLURM_OPTIONS": f"--exclusive {option} --reservation=x"})
    assert fault.startswith("SLURM_OPTIONS: got ")
    assert option in fault
    assert instead in fault


@pytest.mark.parametrize(
    "words", ["-C fast", "-p long", "-A x", "-q x", "-G 1", "--constraint fast", "--mem-per-gpu=1"]
)
def test_short_options_two_words_and_limits_are_refused(words: str) -> None:
    [fault] = faults(SLURM | {"SLURM_OPTIONS": words})
    assert fault.startswith("SLURM_OPTIONS: got ")


def test_other_options_of_sbatch_and_other_resources_than_gpus_are_accepted() -> None:
    options = "--exclusive --reservation=x --gres=tmp:10G --gpu-bind=none --prefer=fast --nodelist=a --gres-flags=x"
    assert faults(SLURM | {"SLURM_OPTIONS": options, "SLURM_CONSTRAINT": "fast", "NODE_SELECTOR": "a=b"}) == []
    renamed = {"SLURM_OPTIONS": "--gres=gpu:1", "SLURM_GPU_GRES": "accelerator:a100"}
    assert faults(SLURM | renamed) == []


@pytest.mark.parametrize(
    ("setting", "value", "accepted"),
    [
        ("NODE_SELECTOR", "disk=ssd,topology.org/zone=a-1", True),
        ("NODE_SELECTOR", "disk=", False),
        ("NODE_SELECTOR", "disk=a&b", False),
        ("JOB_LABELS", "site=Universität A,a=" + "x" * 700, True),
        ("JOB_LABELS", "site=a\tb", False),
        ("JOB_LABELS", "site=" + "ä" * 400, False),
    ],
)
def test_labels_on_slurm_are_those_that_its_features_and_comments_may_have(
    setting: str, value: str, accepted: bool
) -> None:
    assert named(SLURM | {setting: value}) == ([] if accepted else [setting])


@pytest.mark.parametrize(("constraint", "accepted"), [("a|b", True), ("a=b&c", True), ("[a|b]", False), ("a*2", False)])
def test_labels_of_nodes_are_combined_with_features_that_are_not_counted(constraint: str, accepted: bool) -> None:
    found = named(SLURM | {"NODE_SELECTOR": "disk=ssd", "SLURM_CONSTRAINT": constraint})
    assert found == ([] if accepted else ["NODE_SELECTOR"])


@pytest.mark.parametrize(("selector", "accepted"), [("PoolDisk=a b,X_1=", True), ("a.b=c", False), ("1a=c", False)])
def test_labels_on_htcondor_are_those_that_attributes_of_machines_may_have(selector: str, accepted: bool) -> None:
    assert named(HTCONDOR | {"NODE_SELECTOR": selector}) == ([] if accepted else ["NODE_SELECTOR"])
