"""The compute contract: a job's command is not process 1 of its container, which would ignore signals."""

from pfcon.models import JobStatus, Resources
from pfcon.testing.compute.harness import HEARTBEAT, Harness
from pfcon.testing.waiting import eventually

ORPHANS, BATCH, LIMIT = 2000, 20, 100
# Each orphan exits immediately; it was reaped when no process has its number any more.
ORPHANING = f"""
import os, sys, time
def orphan():
    reader, writer = os.pipe()
    parent = os.fork()
    if not parent:
        child = os.fork()
        if child:
            os.write(writer, str(child).encode())
        os._exit(0)
    os.waitpid(parent, 0)
    child = int(os.read(reader, 20))
    os.close(reader)
    os.close(writer)
    return child
def exists(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
for _ in range({ORPHANS // BATCH}):
    orphans = [orphan() for _ in range({BATCH})]
    until = time.monotonic() + 60
    while any(map(exists, orphans)):
        if time.monotonic() > until:
            sys.exit("orphans were not reaped")
        time.sleep(0.002)
"""


def test_orphans_that_have_ended_use_up_no_processes(compute: Harness) -> None:
    compute.can.need("orphans")
    info = compute.run(compute.spec(["python3", "-c", ORPHANING], resources=Resources(pids=LIMIT)))
    assert (info.status, info.message) == (JobStatus.SUCCEEDED, ""), compute.engine.logs(info.name, 5)


def test_a_job_that_aborts_is_reported_as_aborted(compute: Harness) -> None:
    info = compute.run(compute.spec(["python3", "-c", "import os; os.abort()"]))
    assert info.status is JobStatus.FAILED
    assert "SIGABRT" in info.message


def test_a_job_may_end_itself_with_a_signal(compute: Harness) -> None:
    info = compute.run(compute.shell("kill -TERM $$; echo deaf"))
    assert info.status is JobStatus.FAILED
    assert "SIGTERM" in info.message
    assert compute.engine.logs(info.name, 5) == ""


def test_what_a_job_leaves_running_ends_with_it(compute: Harness) -> None:
    compute.can.need("orphans")
    spec = compute.shell(f"""(setsid sh -c '{HEARTBEAT}' sh "$1" &); until test -e "$1"/beat; do sleep 0.05; done""")
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    assert compute.has_stopped(compute.outgoing(spec) / "beat")


def test_a_job_hears_that_it_is_cancelled_and_may_end_by_itself(compute: Harness) -> None:
    compute.can.need("grace")
    script = """trap 'echo heard >"$1/heard"; exit 3' TERM; echo begun; while :; do sleep 0.05; done"""
    spec = compute.shell(script)
    compute.engine.schedule(spec)
    assert eventually(lambda: compute.engine.logs(spec.name, 5) == "begun\n")
    compute.engine.cancel(spec.name)
    info = compute.wait(spec.name)
    assert info.status is JobStatus.FAILED
    assert "cancel" in info.message
    assert eventually(lambda: compute.outgoing(spec).joinpath("heard").exists())


__all__ = [name for name in [*globals()] if name.startswith("test_")]
