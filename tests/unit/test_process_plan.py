"""The pure part of the process engine: paths, plans and messages."""

import json
from pathlib import Path, PurePosixPath

import pytest

from pfcon.compute.process.leftovers import MARKER
from pfcon.compute.process.spec import BASE_ENV, make_plan, refuse, translate
from pfcon.compute.process.state import State, outcome
from pfcon.errors import Refused
from pfcon.models import INCOMING, OUTGOING, JobId, JobKind, JobSpec, JobStatus, Mount, Resources, User
from pfcon.paths import StoreBase
from pfcon.reasons import Reason, Why

MOUNTS = {"/share/incoming": "/base/key-1/incoming", "/share/outgoing": "/base/key-1/outgoing"}
STOREBASE = StoreBase(Path("/base"))


def spec(**fields: object) -> JobSpec:
    mounts = (
        Mount(PurePosixPath("key-1/incoming"), INCOMING, read_only=True),
        Mount(PurePosixPath("key-1/outgoing"), OUTGOING, read_only=False),
    )
    given = {"argv": ("prog",), "mounts": mounts, **fields}
    return JobSpec(name="1", jid=JobId("1"), kind=JobKind.PLUGIN, image="i", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("word", "translated"),
    [
        ("/share/incoming", "/base/key-1/incoming"),
        ("/share/incoming/a b", "/base/key-1/incoming/a b"),
        ("--dir=/share/outgoing/x", "--dir=/base/key-1/outgoing/x"),
        ("--dir=/share/outgoing", "--dir=/base/key-1/outgoing"),
        ("a=b=/share/incoming", "a=b=/base/key-1/incoming"),
        ("/share/incomings", "/share/incomings"),
        ("/share/incoming\n", "/share/incoming\n"),
        ("x/share/incoming", "x/share/incoming"),
        ("cat /share/incoming/a", "cat /share/incoming/a"),
        ("/share", "/share"),
        ("share/incoming", "share/incoming"),
        ("", ""),
    ],
)
def test_a_mounts_target_is_translated_only_where_a_word_names_it(word: str, translated: str) -> None:
    assert translate(word, MOUNTS) == translated


def test_of_nested_targets_the_longest_is_taken() -> None:
    assert translate("/share/in/x", {"/share": "/a", "/share/in": "/b"}) == "/b/x"


def test_without_mounts_nothing_is_translated() -> None:
    assert translate("/share/incoming", {}) == "/share/incoming"


def test_directories_with_special_characters_are_put_in_verbatim() -> None:
    assert translate("/in", {"/in": r"/base/\1 $x"}) == r"/base/\1 $x"


def test_a_plan_has_real_directories_in_words_and_environment() -> None:
    job = spec(argv=("prog", "/share/incoming"), env=(("OUT", "/share/outgoing"), ("LANG", "C")))
    plan = make_plan(job, STOREBASE, 7, "m1", euid=0)
    assert plan["argv"] == ["prog", "/base/key-1/incoming"]
    own = {"OUT": "/base/key-1/outgoing", "LANG": "C", MARKER: "m1"}
    assert plan["env"] == BASE_ENV | own | {"PFCON_WORKER": "0", "PFCON_WORKERS": "1", "JOB_COMPLETION_INDEX": "0"}
    assert plan["cwd"] == "/base/key-1/outgoing"
    assert plan["grace"] == 7
    assert json.loads(json.dumps(plan)) == plan


def test_a_plan_has_limits_in_bytes_and_whole_cores() -> None:
    limits = Resources(cpu=1001, memory=3, pids=9)
    plan = make_plan(spec(resources=limits), STOREBASE, 7, "m1", euid=0)
    assert (plan["cores"], plan["memory"], plan["pids"]) == (2, 3 * 1024 * 1024, 9)
    plan = make_plan(spec(), STOREBASE, 7, "m1", euid=0)
    assert (plan["cores"], plan["memory"], plan["pids"]) == (None, None, None)


def test_only_root_changes_a_jobs_user() -> None:
    job = spec(user=User(7, 8))
    plan = make_plan(job, STOREBASE, 7, "m1", euid=0)
    assert (plan["uid"], plan["gid"]) == (7, 8)
    refuse(job, 0, 0)
    refuse(job, 7, 8)
    plan = make_plan(job, STOREBASE, 7, "m1", euid=7)
    assert (plan["uid"], plan["gid"]) == (None, None)
    for uid, gid in ((7, 9), (9, 8)):
        with pytest.raises(Refused, match="root"):
            refuse(job, uid, gid)


@pytest.mark.parametrize("word", ["a\0b", "\ud800"])
def test_a_word_that_no_program_can_be_given_is_refused(word: str) -> None:
    with pytest.raises(Refused, match="character"):
        refuse(spec(argv=("echo", word)), 0, 0)


def test_a_job_without_command_is_refused() -> None:
    with pytest.raises(Refused, match="the command is empty"):
        refuse(spec(argv=()), 0, 0)


SUCCEEDED, FAILED = JobStatus.SUCCEEDED, JobStatus.FAILED


@pytest.mark.parametrize(
    ("state", "status", "reason", "message"),
    [
        ({"status": 0}, SUCCEEDED, "", ""),
        ({"status": 0, "note": "log lost"}, SUCCEEDED, "", "log lost"),
        ({"status": 0, "reason": "Cancelled cancelled"}, FAILED, Reason.CANCELLED, "cancelled"),
        ({"status": 0, "reason": "cancelled"}, FAILED, Reason.CANCELLED, "cancelled"),  # of an earlier release
        ({"status": 3}, FAILED, Reason.EXIT_CODE, "the program failed with exit code 3"),
        ({"status": 128}, FAILED, Reason.EXIT_CODE, "the program failed with exit code 128"),
        ({"status": 255}, FAILED, Reason.EXIT_CODE, "the program failed with exit code 255"),
        ({"status": 3, "note": "log lost"}, FAILED, Reason.EXIT_CODE, "the program failed with exit code 3; log lost"),
        ({"status": -9}, FAILED, Reason.SIGNAL, "the program was ended by signal SIGKILL; it is not known who sent it"),
        ({"status": -40}, FAILED, Reason.SIGNAL, "the program was ended by signal 40; it is not known who sent it"),
        (
            {"status": 143},
            FAILED,
            Reason.SIGNAL,
            "exit code 143: the program was ended by signal SIGTERM, or returned this code itself",
        ),
        ({"reason": "CommandNotFound no such command: x"}, FAILED, Reason.COMMAND_NOT_FOUND, "no such command: x"),
        ({"reason": "no such command: x"}, FAILED, "", "no such command: x"),
        ({}, FAILED, Reason.END_UNKNOWN, "it is not known how the job ended"),
    ],
)
def test_a_final_state_is_told_in_words(state: State, status: JobStatus, reason: str, message: str) -> None:
    found, why = outcome(state)
    assert (found, why.reason, why.message) == (status, reason, message)


def test_the_supervisor_is_given_all_reasons_that_it_may_have_to_tell() -> None:
    job = spec(resources=Resources(memory=3, pids=9, time_limit=60))
    reasons = {name: Why.of_note(note) for name, note in make_plan(job, STOREBASE, 7, "m1", euid=0)["reasons"].items()}
    assert {name: (why.reason, why.message) for name, why in reasons.items()} == {
        "memory": (Reason.OUT_OF_MEMORY, "out of memory: the job exceeded its limit of 3 MiB"),
        "pids": (
            Reason.TOO_MANY_PROCESSES,
            "the job needed more than the 9 processes and threads that it may have",
        ),
        "time limit": (Reason.TIME_LIMIT, "stopped at its time limit of 60 minutes"),
        "cancelled": (Reason.CANCELLED, "cancelled"),
        "stopped": (Reason.INTERRUPTED, "interrupted: the service or the machine was stopped"),
        "folder": (Reason.OUTPUT_UNWRITABLE, "the output directory /share/outgoing can't be used"),
        "ENOENT": (Reason.COMMAND_NOT_FOUND, "no such command: prog"),
        "ENOTDIR": (Reason.COMMAND_NOT_FOUND, "no such command: prog"),
        "interpreter": (
            Reason.COMMAND_NOT_FOUND,
            "no such command: prog needs an interpreter that is not on the machine",
        ),
        "EACCES": (Reason.NOT_EXECUTABLE, "not executable: prog"),
        "EPERM": (Reason.NOT_EXECUTABLE, "not executable: prog"),
        "EISDIR": (Reason.NOT_EXECUTABLE, "not executable: prog"),
        "ENOEXEC": (
            Reason.WRONG_ARCHITECTURE,
            "not executable: prog is for another type of processor, or a script without #! in its first line",
        ),
        "E2BIG": (
            Reason.ARGUMENT_TOO_LONG,
            "an argument or a variable of the command is longer than the operating system allows (128 KiB)",
        ),
        "EAGAIN": (Reason.TOO_MANY_PROCESSES, "the job needed too many processes"),
    }


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"status": -9}, True),
        ({"status": -15}, True),
        ({"status": 137}, True),
        ({"status": 143}, True),
        ({"reason": "its supervisor has ended", "interrupted": True}, True),
        ({"status": 0, "reason": "its supervisor was ended by SIGTERM", "interrupted": True}, True),
        ({"status": -11}, False),
        ({"status": 1}, False),
        ({"status": -15, "reason": "cancelled"}, False),
        ({"status": -9, "reason": "out of memory: used more than its limit of 5 MiB"}, False),
        ({"reason": "no such command: x"}, False),
        ({}, False),
    ],
)
def test_a_job_that_others_have_ended_was_interrupted(state: State, expected: bool) -> None:
    assert outcome(state)[1].interrupted is expected
