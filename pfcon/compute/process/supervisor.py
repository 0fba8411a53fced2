"""The parent process of one job of the process engine. It is a separate program, so that jobs survive the service.

``python -I -S supervisor.py DIRECTORY FINAL LOCK``, with a plan (``spec.Plan``) as one line of JSON on stdin.
DIRECTORY is renamed to FINAL, which claims the job's name. LOCK is a locked descriptor; the lock is held until this
process ends. The first process exits when the command runs or could not be started; its child is the supervisor.

It imports only a few modules, because every running job needs the memory for them.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import sys
import time

if __name__ == "__main__":  # with -I, only the standard library is on the path
    sys.path.append(os.path.abspath(f"{__file__}/../../../.."))

from pfcon.compute.log_writer import KeptLog
from pfcon.compute.process.needs import fulfil
from pfcon.compute.process.start import (
    CANCELLED,
    MEMORY,
    PIDS,
    PR_SET_CHILD_SUBREAPER,
    STOPPED,
    TIME_LIMIT,
    launch,
    prctl,
)
from pfcon.compute.process.state_file import note_state, read_message, write_end
from pfcon.compute.process.tree import descendants, fair_memory, send, total_usage, usage

TYPE_CHECKING = False  # importing typing would take time and memory for each job
if TYPE_CHECKING:
    from pfcon.compute.process.spec import Plan
    from pfcon.compute.process.state import State

# Exit statuses of the first process. The child always exits with 0: if gunicorn is process 1 of a container, it adopts
# the child, and some other statuses mean for gunicorn that a worker can't boot.
ABANDONED = 10
CONFLICT = 11

CANCEL, KILL = b"c", b"k"  # what the engine writes to the job's ``control`` pipe
MIB = 1024 * 1024
FASTEST_GROWTH = 1024 * MIB  # bytes per second: determines how soon a job near its memory limit is checked again
SHORTEST_LOOK, LONGEST_LOOK = 0.02, 0.5  # seconds between two checks of a job's resources
BLOCK = 64 * 1024


class Supervisor:
    """Starts the command of each worker, monitors them and all their descendants, and records the end."""

    def __init__(self, plan: Plan, job: int, control: int) -> None:
        self.plan, self.job, self.control = plan, job, control
        self.state: State = {"marker": plan["marker"]}
        self.workers: dict[int, int] = {}  # that run, by the process id of their command: their numbers
        self.ended = False
        self.kill_at: float | None = None  # monotonic seconds
        self.limit_at: float | None = None  # the end of the job's time limit
        self.look_at: float | None = 0.0
        if plan["memory"] is None and plan["pids"] is None:
            self.look_at = None
        self.log = KeptLog(job, plan["log_bytes"])
        self.output: int | None = None
        self.wake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # the number arrives in self.wake
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def start(self) -> bool:
        """Start the command of each worker; if that fails, the reason is in the state."""
        # A pipe, not the file itself: `> /dev/stderr` in a script would empty the file.
        self.output, write_log = os.pipe()
        os.set_blocking(self.output, False)
        if self.plan["uid"] is not None:
            os.fchown(write_log, self.plan["uid"], -1)  # needed for opening /dev/stderr again
        reason = ""
        for worker in range(self.plan.get("workers", 1)):
            pid, reason = launch(self.plan, self.job, write_log, worker)
            if reason:
                break
            self.workers[pid] = worker
        os.close(write_log)
        if reason:
            self.state["reason"] = reason
            self.kill_all()  # the workers before it
            self.state.pop("status", None)  # theirs
            return False
        if self.plan["time_limit"] is not None:
            self.limit_at = time.monotonic() + self.plan["time_limit"]
        self.note_start()
        return True

    def note_start(self) -> None:
        """Record when and where the command started; on a full disk, only the final state has it."""
        self.state["started_at"], self.state["node"] = time.time(), os.uname().nodename
        note_state(self.job, self.state)

    def run(self) -> None:
        """Monitor the command until it has ended, then kill its other processes and read the rest of its output."""
        while not self.ended:
            self.turn()
        self.kill_all()
        self.copy_output()

    def reason(self, name: str) -> str:
        """Return a reason of the plan, which a service of an earlier release may have written without it."""
        return self.plan.get("reasons", {}).get(name, name)

    def turn(self) -> None:
        """Wait for the next event, and handle it."""
        times = [moment for moment in (self.kill_at, self.look_at, self.limit_at) if moment is not None]
        wait = max(0.0, min(times) - time.monotonic()) if times else None
        files = [self.wake, self.control, *([] if self.output is None else [self.output])]
        ready = select.select(files, [], [], wait)[0]
        if self.output in ready:
            self.copy_output()
        if self.wake in ready and bytes([signal.SIGTERM]) in os.read(self.wake, BLOCK):
            self.end_from_outside()
        self.reap()
        if self.ended:
            return
        if self.control in ready:
            self.execute_orders(os.read(self.control, BLOCK))
        now = time.monotonic()
        if self.limit_at is not None and now >= self.limit_at:
            self.stop(self.reason(TIME_LIMIT))
        if self.kill_at is not None and now >= self.kill_at:
            self.kill_all()
        elif self.look_at is not None and now >= self.look_at:
            self.look()

    def execute_orders(self, orders: bytes) -> None:
        """Execute orders from the engine."""
        if KILL in orders:
            self.state.setdefault("reason", "removed")
            self.kill_all()
        elif CANCEL in orders:
            self.stop(read_message(self.job) or self.reason(CANCELLED))

    def blame(self, reason: str) -> None:
        """Record why the job is ended, unless it has a reason already, which may be a worker that has failed."""
        if "status" not in self.state:
            self.state.setdefault("reason", reason)

    def stop(self, reason: str) -> None:
        """Ask all processes to end, for that reason; they are killed at ``kill_at``."""
        self.blame(reason)
        self.terminate()

    def end_from_outside(self) -> None:
        """Ask all processes to end, because of a signal from another program, such as a service manager."""
        if not self.state.keys() & {"reason", "status"}:
            self.state["reason"] = self.reason(STOPPED)
            self.state["interrupted"] = True
        self.terminate()

    def terminate(self) -> None:
        """Send SIGTERM to all processes, once."""
        self.limit_at = None
        if self.kill_at is None:
            self.kill_at = time.monotonic() + self.plan["grace"]
            for pid in descendants(os.getpid()):
                send(pid, signal.SIGTERM)

    def look(self) -> None:
        """Compare the job's resources with its limits; kill the job if it exceeds one."""
        pids = descendants(os.getpid())
        used, threads = usage(pids, shm=bool(self.plan.get("shm")))
        limit, most = self.plan["memory"], self.plan["pids"]
        if limit is not None and used > limit:
            used = fair_memory(pids, shm=bool(self.plan.get("shm")))
        if limit is not None and used > limit:
            self.blame(self.reason(MEMORY))
        elif most is not None and threads > most:
            self.blame(self.reason(PIDS))
        else:
            pause = LONGEST_LOOK if limit is None else (limit - used) / FASTEST_GROWTH
            self.look_at = time.monotonic() + min(max(pause, SHORTEST_LOOK), LONGEST_LOOK)
            return
        self.kill_all()

    def reap(self) -> bool:
        """Reap ended children; return whether others exist."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not pid:
                return True
            if pid in self.workers:
                self.note_end(self.workers.pop(pid), os.waitstatus_to_exitcode(status))

    def note_end(self, worker: int, status: int) -> None:
        """Record the end of a worker: the first that fails is the job's, and ends the others."""
        self.ended = not self.workers
        if "status" in self.state or (status == 0 and self.workers):
            return
        self.state["status"] = status
        if self.plan.get("workers", 1) > 1:
            self.state["worker"], self.state["workers"] = worker, self.plan["workers"]
        if self.workers:
            self.terminate()

    def kill_all(self) -> None:
        """Kill every process of the job, and return when none exists any more."""
        pause = 0.001
        while self.reap():
            pids = descendants(os.getpid())
            for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped processes can't start others
                for pid in pids:
                    send(pid, number)
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_LOOK)

    def copy_output(self) -> None:
        """Append the job's new output to the log."""
        while self.output is not None:
            try:
                block = os.read(self.output, BLOCK)
            except BlockingIOError:
                return
            if not block:
                os.close(self.output)
                self.output = None
            self.append(block)
            if not self.ended:
                return

    def append(self, block: bytes) -> None:
        """Write to the log; if that fails (a full disk), the job continues, and its message reports it."""
        try:
            self.log.append(block)
        except OSError as fault:
            self.state["note"] = f"a part of its log is lost: {fault.strerror}"

    def finish(self) -> None:
        """Write the final state."""
        if "started_at" in self.state:
            memory, self.state["cpu_seconds"] = total_usage()
            if memory:
                self.state["max_memory"] = memory
        self.state["finished_at"] = time.time()
        write_end(self.job, self.state, self.is_removed)

    def is_removed(self) -> bool:
        """Return whether the engine has ordered to remove the job, waiting a second for the order."""
        return bool(select.select([self.control], [], [], 1.0)[0]) and KILL in os.read(self.control, BLOCK)


def main(directory: str, final: str, lock: str) -> int:
    """Claim the name, start the command, and return; a child process supervises the command."""
    os.set_inheritable(int(lock), False)
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return ABANDONED  # the service was killed while it wrote the plan
    plan: Plan = json.loads(line)
    job = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    control = os.open("control", os.O_RDWR | os.O_NONBLOCK, dir_fd=job)
    try:
        os.rename(directory, final)
    except OSError as fault:
        if fault.errno in (errno.EEXIST, errno.ENOTEMPTY):
            return CONFLICT
        raise
    ready, signal_ready = os.pipe()
    if os.fork():
        os.close(signal_ready)
        os.read(ready, 1)  # also returns if the child is killed
        return 0
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    supervisor = Supervisor(plan, job, control)
    if fulfil(supervisor, signal_ready) and supervisor.start():
        os.close(signal_ready)
        supervisor.run()
        supervisor.finish()
    else:
        supervisor.finish()
        os.close(signal_ready)
    return 0


if __name__ == "__main__":
    os._exit(main(*sys.argv[1:]))
