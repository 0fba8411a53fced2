"""What the end of a log says about a limit, for engines that report an exit code alone."""

import signal

import pytest

from pfcon.jobs.log_hints import with_hint
from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus, Resources, RunDetails
from pfcon.reasons import Reason, explain

IMAGE = "fnndsc/pl-x:1"
SPEC = JobSpec("j", JobId("j"), JobKind.PLUGIN, IMAGE, ("prog",), resources=Resources(memory=64, pids=40))
TOO_MANY, FULL, MEMORY = Reason.TOO_MANY_PROCESSES, Reason.DISK_FULL, Reason.OUT_OF_MEMORY


def failed(code: int, reason: Reason = Reason.EXIT_CODE) -> JobInfo:
    why = explain(reason, code=code) if reason is Reason.EXIT_CODE else explain(reason, crash="SIGABRT")
    return JobInfo("j", JobStatus.FAILED, why.message, reason=why.reason, details=RunDetails(exit_code=code))


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("RuntimeError: can't start new thread\n", TOO_MANY),
        ("sh: can't fork: Resource temporarily unavailable\n", TOO_MANY),
        ("libgomp: Thread creation failed: Resource temporarily unavailable\n", TOO_MANY),
        ("BlockingIOError: [Errno 11] Resource temporarily unavailable\n", TOO_MANY),
        ("OSError: [Errno 28] No space left on device: '/share/outgoing/a.nii'\n", FULL),
        ("Traceback:\nMemoryError\n", MEMORY),
        ("numpy._core._exceptions._ArrayMemoryError: Unable to allocate 74.5 GiB for an array\n", MEMORY),
        ("Fatal error: out of memory\n", MEMORY),
        ("run.sh: line 3: 12 Killed                  recon-all\n", MEMORY),
    ],
)
def test_the_log_of_a_failure_shows_a_limit(log: str, reason: Reason) -> None:
    found = with_hint(failed(1), SPEC, log)
    assert found.reason is reason
    assert found.message.startswith("exit code 1: the program")


@pytest.mark.parametrize(
    "log",
    [
        "ValueError: bad input header\n",
        "torch.OutOfMemoryError: CUDA error: out of memory\n",  # of a GPU: memory_limit can't help
        "Out of memory warnings: 0\nerror: no slices\n",
        "RuntimeError: unable to write to file </torch_1_2>: No space left on device (28)\n",  # of shared memory
        "cache: [Errno 28] No space left on device, using /tmp2\n" + "ok\n" * 20 + "ValueError: bad header\n",
    ],
)
def test_other_logs_show_none(log: str) -> None:
    assert with_hint(failed(1), SPEC, log) == failed(1)


def test_an_exception_of_cpp_that_nobody_catches_is_an_abort() -> None:
    code = 128 + signal.SIGABRT
    log = "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n"
    assert with_hint(failed(code, Reason.SIGNAL), SPEC, log).reason is MEMORY
    assert with_hint(failed(code, Reason.SIGNAL), SPEC, "abort\n").reason is Reason.SIGNAL


@pytest.mark.parametrize(
    "log",
    [
        "/opt/prog: line 1: \x7fELF: not found\n",
        "/bin/sh: /opt/prog: Exec format error\n",
        "bash: line 1: /opt/prog: cannot execute binary file: Exec format error\n",
    ],
)
def test_a_shell_that_got_a_program_of_another_processor_names_it(log: str) -> None:
    found = with_hint(failed(127), SPEC, log)
    assert found.reason is Reason.WRONG_ARCHITECTURE
    assert f"not executable in image {IMAGE}: /opt/prog is for another type of processor" in found.message


@pytest.mark.timeout(20)
@pytest.mark.parametrize("line", ["x" * 1_000_000, "error " * 100_000, "/a: " * 100_000, "fork " * 100_000])
def test_a_long_log_takes_no_time(line: str) -> None:
    assert with_hint(failed(1), SPEC, line) == failed(1)
