"""The vocabulary, and a plugin's command line."""

from pathlib import PurePosixPath

import pytest

from pfcon import units
from pfcon.command import plugin_argv
from pfcon.errors import Refused
from pfcon.models import (
    INCOMING,
    JobId,
    JobInfo,
    JobKind,
    JobRequest,
    JobSpec,
    JobStatus,
    Mount,
    PluginType,
    Resources,
    User,
)


@pytest.mark.parametrize("text", ["chris-jid-42", "17", "7", "a", "A_b.c-d", "x" * 128])
def test_a_good_jid_is_taken_as_it_is(text: str) -> None:
    assert JobId.parse(text) == JobId.parse("/" + text) == text


@pytest.mark.parametrize("text", ["", "/", "//a", "a/b", ".", "..", "a..b", "-a", ".a", "é", "a b", "a\n", "x" * 129])
def test_a_bad_jid_is_refused_with_the_rule(text: str) -> None:
    with pytest.raises(Refused, match="must"):
        JobId.parse(text)


def test_a_job_whose_end_is_not_known_has_a_final_status_and_may_run() -> None:
    final = {status for status in JobStatus if status.final}
    assert final - {status for status in JobStatus if status.ended} == {JobStatus.UNDEFINED}


def test_kinds_have_their_own_names_on_an_engine() -> None:
    names = [kind.engine_name(JobId("j")) for kind in JobKind]
    assert names == ["j", "j-copy", "j-upload", "j-delete"]


def test_statuses_know_what_may_follow() -> None:
    assert {status for status in JobStatus if not status.final} == {JobStatus.NOT_STARTED, JobStatus.STARTED}
    assert {status for status in JobStatus if status.failed} == {JobStatus.FAILED, JobStatus.UNDEFINED}


def test_a_spec_survives_json() -> None:
    spec = JobSpec(
        name="j",
        jid=JobId("j"),
        kind=JobKind.PLUGIN,
        image="i:1",
        argv=("sh", "-c", "é\n'\"", ""),
        env=(("A", "b=c"), ("EMPTY", "")),
        mounts=(Mount(PurePosixPath("key-j/incoming"), INCOMING, read_only=True),),
        resources=Resources(cpu=1500, memory=300, gpus=1, workers=1, shm=64, pids=100),
        user=User(1000, None),
        labels=(("a", "b"),),
        request="abc",
    )
    assert JobSpec.from_json(spec.to_json()) == spec


def test_the_environment_of_a_job_does_not_show_in_its_text() -> None:
    spec = JobSpec("j", JobId("j"), JobKind.PLUGIN, "i", ("x",), env=(("TOKEN", "s3cret"),))
    assert "s3cret" not in repr(spec)


def test_a_command_is_told_as_one_quoted_text() -> None:
    assert JobInfo("j", JobStatus.STARTED, argv=("sh", "-c", "echo $A 'x'")).cmd == "sh -c 'echo $A '\"'\"'x'\"'\"''"


def request(**changes: object) -> JobRequest:
    values: dict[str, object] = {
        "jid": JobId("j"),
        "image": "i",
        "entrypoint": ("python3", "plugin.py"),
        "type": PluginType.DS,
        "auid": "chris",
        "number_of_workers": 1,
        "cpu_limit": 1000,
        "memory_limit": 300,
        "gpu_limit": 0,
    }
    return JobRequest(**{**values, **changes})  # type: ignore[arg-type]


def test_ds_gets_both_directories_and_others_the_output_alone() -> None:
    assert plugin_argv(request()) == ("python3", "plugin.py", "/share/incoming", "/share/outgoing")
    for kind in (PluginType.FS, PluginType.TS):
        assert plugin_argv(request(type=kind)) == ("python3", "plugin.py", "/share/outgoing")


def test_only_the_argument_after_a_path_flag_is_replaced() -> None:
    args = ("--dir", "home/bob", "home/bob", "--n", "--dir", "--dir", "last", "--dir")
    found = plugin_argv(request(args=args, args_path_flags=frozenset({"--dir"}), type=PluginType.FS))
    words = ("--dir", "/share/incoming", "home/bob", "--n", "--dir", "/share/incoming", "last", "--dir")
    assert found[2:-1] == words


@pytest.mark.parametrize(("mib", "count"), [(1, 2**20), (300, 314572800), (2**20, 2**40)])
def test_a_mib_is_two_to_the_twentieth(mib: int, count: int) -> None:
    assert units.mib_to_bytes(mib) == count


@pytest.mark.parametrize(("millicores", "cores"), [(1, 1), (1000, 1), (1001, 2), (2000, 2)])
def test_cores_are_rounded_up(millicores: int, cores: int) -> None:
    assert units.millicores_to_cores(millicores) == cores
    assert units.millicores_to_nanocpus(millicores) == millicores * 10**6


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (3 * 2**30, "3.0 GiB")]
)
def test_sizes_are_told_in_binary_units(count: int, text: str) -> None:
    assert units.human_bytes(count) == text
    assert units.human_bytes(20 * 2**40) == "20.0 TiB"
