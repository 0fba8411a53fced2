"""The compute contract: the environment of a job, and its log."""

import json
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import pytest

from pfcon.models import INCOMING, OUTGOING, JobSpec, JobStatus, Resources, User
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

WORDS = [
    "two words",
    "it's",
    'say "x"',
    "$HOME",
    "*",
    "`id`",
    "$(id)",
    "line\nbreak",
    "Ärger-日本",
    "",
    "--a=b",
    "\\",
    "{{.ID}}",
]
VARIABLES = {
    "PLAIN": "value",
    "EQUALS": "a=b=c",
    "BLANKS": "  two  words ",
    "LINES": "one\ntwo\n",
    "EMPTY": "",
    "FOREIGN": "Größe 日本",
    "SHELL_LIKE": "$HOME `id` $(id) \"q\" 'q' \\",
    "TEMPLATE_LIKE": "{{.Task.ID}} {{{ }} {{",
}
LOG_BYTES = 1024 * 1024  # a log is limited in bytes as well as in lines


def dumping(compute: Harness, expression: str, *args: str, **overrides: Any) -> JobSpec:
    """A job that writes a Python expression as JSON to its outputs."""
    script = f"import json, os, sys; json.dump({expression}, open(sys.argv[1] + '/found.json', 'w'))"
    return compute.spec(["python3", "-c", script, str(OUTGOING), *args], **overrides)


def found(compute: Harness, spec: JobSpec) -> Any:
    info = compute.run(spec)
    assert info.status is JobStatus.SUCCEEDED, (info.message, compute.engine.logs(spec.name, 50))
    return json.loads(compute.outgoing(spec).joinpath("found.json").read_text())


def test_outputs_are_written(compute: Harness) -> None:
    spec = compute.shell('mkdir "$1"/sub; echo made > "$1"/sub/out.txt')
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    assert compute.outgoing(spec).joinpath("sub/out.txt").read_text() == "made\n"


def test_a_job_starts_in_the_working_directory_of_its_image(compute: Harness) -> None:
    compute.can.need("workdir")
    info = compute.run(spec := compute.spec(["sh", "-c", "pwd"]))
    assert info.status is JobStatus.SUCCEEDED, info.message
    expected = str(compute.outgoing(spec)) if compute.workdir is None else compute.workdir
    assert compute.engine.logs(spec.name, 10) == f"{expected}\n"


def test_a_command_may_be_a_relative_path(compute: Harness) -> None:
    compute.can.need("images")
    compute.can.need("workdir")
    above = "../" * len(PurePosixPath(compute.workdir or "/").parts[1:])
    info = compute.run(spec := compute.spec([f"{above or './'}bin/sh", "-c", "echo ran"]))
    assert info.status is JobStatus.SUCCEEDED, info.message
    assert compute.engine.logs(spec.name, 10) == "ran\n"


def test_inputs_are_seen(compute: Harness) -> None:
    spec = compute.spec(["cat", f"{INCOMING}/sub/in.txt"])
    compute.incoming(spec).joinpath("sub").mkdir()
    compute.incoming(spec).joinpath("sub/in.txt").write_text("staged\n")
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    assert compute.engine.logs(spec.name, 10) == "staged\n"


def test_inputs_cannot_be_changed(compute: Harness) -> None:
    compute.can.need("read_only_inputs")
    spec = compute.shell('echo x > "$2"/new || echo x > "$2"/in.txt || rm "$2"/in.txt', str(INCOMING))
    compute.incoming(spec).joinpath("in.txt").write_text("staged")
    assert compute.run(spec).status is JobStatus.FAILED
    assert [(path.name, path.read_text()) for path in compute.incoming(spec).iterdir()] == [("in.txt", "staged")]


def test_arguments_arrive_verbatim(compute: Harness) -> None:
    assert found(compute, dumping(compute, "sys.argv[2:]", *WORDS)) == WORDS


def test_environment_values_arrive_verbatim(compute: Harness) -> None:
    spec = dumping(compute, "{k: os.environ.get(k) for k in sys.argv[2:]}", *VARIABLES, env=tuple(VARIABLES.items()))
    assert found(compute, spec) == VARIABLES


def test_home_can_be_set(compute: Harness) -> None:
    assert found(compute, dumping(compute, "os.environ['HOME']", env=(("HOME", "/tmp"),))) == "/tmp"


def test_the_service_environment_is_not_inherited(compute: Harness) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PFCON_PASSWORD", "not-for-jobs")
        assert "not-for-jobs" not in json.dumps(found(compute, dumping(compute, "dict(os.environ)")))


def test_a_job_runs_as_the_user_and_group_of_its_spec(compute: Harness) -> None:
    compute.can.need("user")
    spec = dumping(compute, "[os.getresuid(), os.getresgid()]", user=User(1234, 2345))
    assert found(compute, spec) == [[1234] * 3, [2345] * 3]
    assert compute.outgoing(spec).joinpath("found.json").stat().st_uid == 1234


def test_a_job_with_another_user_has_no_group_of_root(compute: Harness) -> None:
    compute.can.need("user")
    assert 0 not in found(compute, dumping(compute, "os.getgroups()", user=User(1234, 2345)))


def test_shared_memory_has_the_size_of_its_spec(compute: Harness) -> None:
    compute.can.need("shm")
    expression = "(lambda found: found.f_frsize * found.f_blocks >> 20)(os.statvfs('/dev/shm'))"
    assert found(compute, dumping(compute, expression, resources=Resources(shm=32))) == 32


def test_the_engine_shows_the_labels_of_a_job(compute: Harness) -> None:
    compute.can.need("labels")
    spec = compute.shell("exit 0", labels=(("site", "A_b.c-1"), ("org.example/team", "neuro")))
    compute.run(spec)
    labels = compute.labels_of(spec.name)
    assert (labels["site"], labels["org.example/team"]) == ("A_b.c-1", "neuro")
    assert labels["org.chrisproject.job_type"] == "plugin"


def test_standard_input_is_empty(compute: Harness) -> None:
    spec = compute.spec(["cat"])
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    assert compute.engine.logs(spec.name, 10) == ""


def has_log(compute: Harness, spec: JobSpec, log: str) -> bool:
    return compute.engine.logs(spec.name, 10) == log


def assert_log_keeps_the_order_of(compute: Harness, **commands: str) -> None:
    """Each command prints its name. The next one waits until the log has it: engines read both streams concurrently."""
    wait = 'while [ ! -e "$1"/{} ]; do sleep 0.1; done'
    spec = compute.shell("; ".join(f"{command}; {wait.format(name)}" for name, command in commands.items()))
    compute.engine.schedule(spec)
    log = ""
    for name in commands:
        log += f"{name}\n"
        assert eventually(partial(has_log, compute, spec, log)), compute.engine.logs(spec.name, 10)
        compute.outgoing(spec).joinpath(name).touch()
    assert compute.wait(spec.name).status is JobStatus.SUCCEEDED
    assert compute.engine.logs(spec.name, 10) == log


def test_the_log_has_stdout_and_stderr(compute: Harness) -> None:
    assert_log_keeps_the_order_of(compute, out="echo out", err="echo err >&2", end="echo end")


def test_a_job_that_opens_its_stderr_anew_keeps_its_log(compute: Harness) -> None:
    assert_log_keeps_the_order_of(compute, one="echo one", two="echo two > /dev/stderr", three="echo three")


def test_the_log_is_cut_to_its_last_lines(compute: Harness) -> None:
    spec = compute.spec(["seq", "1", "5000"])
    compute.run(spec)
    assert compute.engine.logs(spec.name, 3) == "4998\n4999\n5000\n"
    assert compute.engine.logs(spec.name, 10_000).split() == [str(number) for number in range(1, 5001)]


def test_a_last_line_without_line_end_is_in_the_log(compute: Harness) -> None:
    spec = compute.shell("echo one; echo two; printf three")
    compute.run(spec)
    assert compute.engine.logs(spec.name, 2).rstrip("\n") == "two\nthree"


def test_a_log_of_bytes_that_are_no_text_comes_out_clean(compute: Harness) -> None:
    spec = compute.shell(r"printf 'a\000b\377c\303\251\n'")
    compute.run(spec)
    assert compute.engine.logs(spec.name, 10) == "a\ufffdb\ufffdcé\n"


def test_the_log_of_a_job_that_wrote_nothing_is_empty(compute: Harness) -> None:
    spec = compute.shell("exit 0")
    compute.run(spec)
    assert compute.engine.logs(spec.name, 10) == ""


def test_the_log_of_a_running_job_grows(compute: Harness) -> None:
    spec = compute.shell('echo one; while [ ! -e "$1"/go ]; do sleep 0.1; done; echo two')
    compute.engine.schedule(spec)
    assert eventually(lambda: compute.engine.logs(spec.name, 10) == "one\n")
    assert not compute.engine.info(spec.name).status.final
    compute.outgoing(spec).joinpath("go").touch()
    assert compute.wait(spec.name).status is JobStatus.SUCCEEDED
    assert compute.engine.logs(spec.name, 10) == "one\ntwo\n"


@pytest.mark.slow
def test_a_huge_log_is_bounded_in_bytes_and_its_end_is_kept(compute: Harness) -> None:
    script = "for number in range(6000): print(number, 'x' * 4000)"
    spec = compute.spec(["python3", "-c", script])
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    log = compute.engine.logs(spec.name, 1000)
    assert len(log) <= LOG_BYTES
    assert len(log) > LOG_BYTES // 2
    text = "".join(log.splitlines()[1:])  # an engine may break long lines
    assert "".join(f"{number} {'x' * 4000}" for number in range(6000)).endswith(text)


@pytest.mark.slow
def test_the_end_of_an_endless_line_is_in_the_log(compute: Harness) -> None:
    compute.can.need("endless_lines")
    script = "import sys\nfor _ in range(24): sys.stdout.write('x' * (1 << 20))\nprint('\\nEND')"
    spec = compute.spec(["python3", "-c", script])
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    log = compute.engine.logs(spec.name, 1000)
    assert log.endswith("x\nEND\n")
    assert len(log) <= LOG_BYTES


__all__ = [name for name in [*globals()] if name.startswith("test_")]
