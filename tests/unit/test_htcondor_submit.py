"""What HTCondor is told of a job."""

from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from pfcon.compute.htcondor.settings import HTCondorSettings, submit_lines
from pfcon.compute.htcondor.spec import submit_description, submit_words
from pfcon.compute.slurm.launchers import launcher_of, require_launcher
from pfcon.compute.slurm.settings import LauncherName
from pfcon.compute.slurm.template import Template
from pfcon.errors import ConfigurationError
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


def test_slurm_s_own_containers_are_no_launcher_here() -> None:
    kind = variable(HTCondorSettings, "launcher").kind
    assert kind.parse("command") is LauncherName.COMMAND
    assert "container" not in kind.accepts
    with pytest.raises(ValueError):  # noqa: PT011 - a kind raises no other
        kind.parse("container")
