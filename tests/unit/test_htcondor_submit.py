"""What HTCondor is told of a job."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from pfcon.compute.htcondor.commands import Commands as CondorCommands
from pfcon.compute.htcondor.folder import HTCondorFolder
from pfcon.compute.htcondor.queue import Queue
from pfcon.compute.htcondor.settings import HTCondorSettings, submit_lines
from pfcon.compute.htcondor.spec import submit_description, submit_words
from pfcon.compute.htcondor.submitter import Submitter
from pfcon.compute.slurm.launchers import launcher_of
from pfcon.compute.slurm.names import HTCONDOR
from pfcon.compute.slurm.node_job import Image, NodeJob
from pfcon.compute.slurm.required import require_launcher
from pfcon.compute.slurm.settings import LauncherName
from pfcon.compute.slurm.submitting_user import SubmittingUser
from pfcon.compute.slurm.template import Template
from pfcon.errors import ConfigurationError, Refused
from pfcon.models import JobId, JobKind, JobSpec, Resources
from pfcon.settings.section import variable

PLAIN = HTCondorSettings()
SPEC = JobSpec(
    "chris-7",
    JobId("chris-7"),
    JobKind.PLUGIN,
    "local/pl-test:1",
    ("prog", "secret-word"),
    env=(("TOKEN", "secret-token"),),
    labels=(("site", 'a "b" \\ $(c)'), ("org.example/it's", "x\ny")),
    service="abc",
    resources=Resources(cpu=1500, memory=100, time_limit=3),
)
DIRECTORY = PurePosixPath("/store/.pfcon/htcondor/.5f")


def commands(
    spec: JobSpec = SPEC, settings: HTCondorSettings = PLAIN, directory: PurePosixPath = DIRECTORY
) -> dict[str, str]:
    """The submit description by the names of its commands."""
    *lines, last = submit_description(spec, directory, "5f", settings).splitlines()
    assert last == "queue"
    return dict(line.split(" = ", 1) for line in lines)


def test_a_job_requests_what_it_may_use() -> None:
    found = commands()
    assert [found[f"request_{name}"] for name in ("cpus", "memory")] == ["2", "100"]
    assert found["allowed_job_duration"] == "180"
    assert "request_gpus" not in found
    assert commands(replace(SPEC, resources=Resources(gpus=2)))["request_gpus"] == "2"


def test_a_job_without_a_memory_limit_is_not_held_for_its_memory() -> None:
    assert "ResidentSetSize" in commands()["periodic_hold"]
    assert not {"request_memory", "periodic_hold"} & commands(replace(SPEC, resources=Resources())).keys()


def test_a_job_that_has_run_matches_no_machine_again() -> None:
    once = "(MY.NumJobStarts ?: 0) == 0"
    assert commands()["requirements"] == once
    settings = replace(PLAIN, requirements="HasA || HasB")
    assert commands(settings=settings)["requirements"] == f"(HasA || HasB) && {once}"


def test_nothing_of_the_command_or_the_environment_is_in_the_submit_description() -> None:
    assert "secret" not in submit_description(SPEC, DIRECTORY, "5f", PLAIN)


def test_the_settings_of_the_site_are_in_the_submit_description() -> None:
    settings = HTCondorSettings(
        pool="cm.example.org:9618",
        schedd="submit1",
        rank="Memory",
        accounting_group="group_chris.brain",
        limits="licence:2",
        lines=("nice_user = true", '+Project = "brain"'),
    )
    found = commands(settings=settings)
    assert [found[name] for name in ("rank", "accounting_group", "concurrency_limits", "nice_user", "+Project")] == [
        *("Memory", "group_chris.brain", "licence:2", "true", '"brain"'),
    ]
    assert submit_words(settings) == [
        *("condor_submit", "-pool", "cm.example.org:9618", "-name", "submit1", "-terse"),
    ]


def test_labels_are_a_record_whose_texts_are_quoted() -> None:
    assert commands()["MY.PfconLabels"] == (
        '[ \'org.chrisproject.job_type\' = "plugin"; \'site\' = "a \\"b\\" \\\\ $(DOLLAR)(c)"; '
        "'org.example/it\\'s' = \"x\\ny\" ]"
    )


def test_a_path_is_one_argument_of_which_nothing_is_replaced() -> None:
    odd = PurePosixPath("/sto re/it's/$(x)\"/.5f")
    found = commands(directory=odd)
    assert found["arguments"] == "\"'/sto re/it''s/$(DOLLAR)(x)\"\"/.5f/job.sh'\""
    assert found["output"] == found["error"] == "/sto re/it's/$(DOLLAR)(x)\"/.5f/htcondor.log"


def test_each_of_several_workers_is_a_job_of_one_cluster_with_a_directory_of_its_own() -> None:
    several = replace(SPEC, resources=Resources(cpu=1500, memory=100, workers=3))
    *lines, last = submit_description(several, DIRECTORY, "5f", PLAIN).splitlines()
    assert last == "queue 3"
    found = dict(line.split(" = ", 1) for line in lines)
    assert found["arguments"] == f"\"'{DIRECTORY}/worker.$(ProcId)/job.sh'\""
    assert found["output"] == found["error"] == f"{DIRECTORY}/worker.$(ProcId)/htcondor.log"
    assert found["environment"] == '"PFCON_HTCONDOR_ID=$(ClusterId) PFCON_HTCONDOR_WORKER=$(ProcId)"'
    assert (found["request_cpus"], found["request_memory"]) == ("2", "100")  # each worker's


def test_a_label_of_nodes_is_an_attribute_of_machines_that_has_this_text() -> None:
    settings = replace(PLAIN, requirements="HasA || HasB", node_selector=(("PoolDisk", "ssd"), ("Rack", 'a "$1')))
    labels = 'TARGET.PoolDisk =?= "ssd" && TARGET.Rack =?= "a \\"$(DOLLAR)1"'
    once = "(MY.NumJobStarts ?: 0) == 0"
    assert commands(settings=settings)["requirements"] == f"(HasA || HasB) && {labels} && {once}"


@pytest.mark.parametrize(
    "value", ["nice_user=true", "'+Project = \"a b\"'", "MY.Project=1 'job_ad_information_attrs = x'"]
)
def test_commands_of_the_site_are_accepted(value: str) -> None:
    submit_lines().parse(value)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "queue",
            "queue = 2",
            "output = x",
            "Output=x",
            "'periodic_remove = true'",
            "+PfconMarker=1",
            "MY.PfconJob=1",
        ),
        *(
            "universe=container",
            "container_image=/x.sif",
            "Docker_Image=x",
            "+SingularityImage=1",
            "MY.WantContainer=1",
        ),
        *("a.b = 1", "x = $(y)", "x", "'if defined x'", "x == 1", "'x = 1\nqueue'", "'x = '"),
    ],
)
def test_commands_that_pfcon_sets_and_other_words_are_not(value: str) -> None:
    quoted = value if value.startswith("'") else f"'{value}'"
    with pytest.raises(ValueError):  # noqa: PT011 - a kind raises no other
        submit_lines().parse(quoted)


def test_a_site_s_own_launcher_is_a_template_as_on_slurm() -> None:
    template = Template(("/opt/run", "{source}:{target}", "{rootfs}", "{command}"))
    settings = replace(PLAIN, launcher=LauncherName.COMMAND, command=template)
    launcher = launcher_of(settings.node_side)
    assert (launcher.name, launcher.program) == ("command", "/opt/run")


def test_a_launcher_without_its_template_is_refused_by_the_names_of_these_settings() -> None:
    with pytest.raises(ConfigurationError, match="HTCONDOR_LAUNCHER=command needs HTCONDOR_LAUNCHER_COMMAND"):
        require_launcher(replace(PLAIN, launcher=LauncherName.COMMAND).node_side, "HTCONDOR_LAUNCHER")
    unused = replace(PLAIN, command=Template(("run",)))
    with pytest.raises(ConfigurationError, match="_COMMAND is set, so HTCONDOR_LAUNCHER must be `command`"):
        require_launcher(unused.node_side, "HTCONDOR_LAUNCHER")


def placed(**fields: object) -> NodeJob:
    where = PurePosixPath("/j")
    job = NodeJob.of(SPEC, "5f", Image(where), directory=where, root=where, user=(1, 2))
    return replace(job, **fields)  # type: ignore[arg-type] # of each field's own type


@pytest.mark.parametrize(
    ("launcher", "fields", "refusal"),
    [
        (
            LauncherName.CHARLIECLOUD,
            {"gpus": 1},
            "gpu_limit: HTCONDOR_LAUNCHER=charliecloud can't give GPUs to jobs; these can: apptainer, singularity, "
            "podman, enroot, crun with HTCONDOR_CDI, runc with HTCONDOR_CDI",
        ),
        (
            LauncherName.ENROOT,
            {"shm": 1},
            "SHM_SIZE: HTCONDOR_LAUNCHER=enroot can't set the size of /dev/shm; these can: crun, runc, charliecloud, "
            "apptainer, singularity, podman",
        ),
        (
            LauncherName.RUNC,
            {"user": (5, 6)},
            "CONTAINER_USER: HTCONDOR_LAUNCHER=runc can't give jobs another user; these can: crun, charliecloud",
        ),
        (
            LauncherName.CHARLIECLOUD,
            {"env": {"a.b": "", "HOME": "/"}},
            "env: this launcher can't set a.b: its value has several lines, or its name has unusual characters; the "
            "launcher crun can",
        ),
    ],
)
def test_a_refusal_advises_only_what_works_here(
    launcher: LauncherName, fields: dict[str, object], refusal: str
) -> None:
    with pytest.raises(Refused) as caught:
        launcher_of(replace(PLAIN, launcher=launcher).node_side).files(placed(**fields), HTCONDOR)
    assert str(caught.value) == refusal


class Commands(CondorCommands):
    """Takes each job as number 17."""

    def run(self, command: Sequence[str], *_: object, **_options: object) -> str:
        return "17.0 - 17.0" if command[0] == "condor_submit" else ""


@pytest.mark.parametrize("workers", [1, 2])
def test_the_bundle_of_a_job_with_gpus_has_what_the_cdi_file_names(workers: int, tmp_path: Path) -> None:
    cdi = tmp_path / "gpus.json"
    device = {"name": "all", "containerEdits": {"deviceNodes": [{"path": "/dev/fake0"}]}}
    cdi.write_text(json.dumps({"devices": [device]}))
    commands, nodes = Commands((), 1), PurePosixPath("/nodes")
    queue, user = Queue(lambda: (), 1), SubmittingUser(commands, "HTCONDOR_PREFIX")
    settings = replace(PLAIN, cdi=cdi)
    submitter = Submitter(
        commands, tmp_path, 1, HTCondorFolder, "HTCondor", queue, user, settings, 1, nodes, nodes / "jobs", 65536
    )
    for gpus, expected in ((0, []), (1, ["/dev/fake0"])):
        spec = replace(SPEC, name=f"j{gpus}", resources=Resources(gpus=gpus, workers=workers), env=(), labels=())
        submitter.start(spec, Image(PurePosixPath("/r")))
        files = [*tmp_path.glob(f"j{gpus}/**/config.json")]
        assert len(files) == workers
        for file in files:
            mounts = json.loads(file.read_text())["mounts"]
            assert [mount["source"] for mount in mounts if "fake" in mount["source"]] == expected


def test_slurm_s_own_containers_are_no_launcher_here() -> None:
    kind = variable(HTCondorSettings, "launcher").kind
    assert kind.parse("command") is LauncherName.COMMAND
    assert "container" not in kind.accepts
    with pytest.raises(ValueError):  # noqa: PT011 - a kind raises no other
        kind.parse("container")
