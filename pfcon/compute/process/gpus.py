"""Gives GPUs of this machine to jobs. A part of the supervisor, of jobs with GPUs only.

A GPU belongs to who has the lock (flock(2)) of its file. The supervisor of a job takes the locks, and every process of
the job inherits them: the kernel releases a lock with the last of them, in whatever way they end.
"""

from __future__ import annotations

import os
import time

from pfcon.compute.process.state_file import note_state
from pfcon.files.flags import LOCK
from pfcon.files.locks import try_lock

TYPE_CHECKING = False  # importing typing would take time and memory for each job
if TYPE_CHECKING:
    from pfcon.compute.process.spec import Gpus
    from pfcon.compute.process.supervisor import Supervisor

VARIABLES = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
"""With which the libraries of NVIDIA and AMD see only the GPUs in the list."""

TURN = "turn"  # whose lock the job has that gets the next GPUs: one that needs many is not overtaken for ever
POLL = 0.2  # seconds between two attempts


class Claim:
    """The GPUs of one job. Raises OSError if the directory of the locks can't be used."""

    def __init__(self, wanted: Gpus) -> None:
        self._wanted = wanted
        self._directory = os.open(wanted["directory"], os.O_RDONLY | os.O_DIRECTORY)
        self._turn = self._open(TURN)
        self._has_turn = False

    def take(self) -> list[str]:
        """Return the ids of all GPUs that the job needs, which are locked now; empty if it has to wait."""
        self._has_turn = self._has_turn or try_lock(self._turn)
        if not self._has_turn:
            return []
        taken: dict[str, int] = {}
        for name in self._wanted["ids"]:
            file = self._open(f"gpu-{name.replace('/', '%')}")
            if try_lock(file):
                taken[name] = file
            else:
                os.close(file)
            if len(taken) == self._wanted["count"]:
                for file in taken.values():
                    os.set_inheritable(file, True)
                os.close(self._turn)
                return [*taken]
        for file in taken.values():
            os.close(file)
        return []

    def _open(self, name: str) -> int:
        return os.open(name, LOCK, 0o600, dir_fd=self._directory)


def give(supervisor: Supervisor, signal_ready: int) -> bool:
    """Get the GPUs that a job needs, and note them for its workers; return False if it was ended while it waited.

    signal_ready: written to when the job has to wait, because then it is on the engine, as if it ran. Raises OSError.
    """
    plan = supervisor.plan
    wanted = plan["gpus"]
    if not wanted:
        return True
    claim = Claim(wanted)
    if not (ids := claim.take()):
        supervisor.state["waiting"] = wanted["waiting"]
        note_state(supervisor.job, supervisor.state)
        os.write(signal_ready, b"w")
        ids = wait(supervisor, claim)
        supervisor.state.pop("waiting")
    plan["of_workers"] = [of_worker(ids, worker, plan["workers"]) for worker in range(plan["workers"])]
    return bool(ids)


def wait(supervisor: Supervisor, claim: Claim) -> list[str]:
    """Return the ids of a job's GPUs as soon as it has them; nothing if the job was ended before."""
    looks = supervisor.look_at
    while not (ids := claim.take()):
        supervisor.look_at = time.monotonic() + POLL
        supervisor.turn()
        if "reason" in supervisor.state:
            break
    supervisor.look_at = looks
    return ids


def of_worker(ids: list[str], worker: int, workers: int) -> dict[str, str]:
    """Return the variables that show a worker its own part of a job's GPUs."""
    each = len(ids) // workers
    return dict.fromkeys(VARIABLES, ",".join(ids[worker * each : (worker + 1) * each]))
