"""Gives GPUs of this machine to jobs. A part of the supervisor, of jobs with GPUs only.

A GPU belongs to who has the lock (flock(2)) of its file. The supervisor of a job takes the locks, and the processes of
the job inherit them: the kernel releases a lock with the last of them, in whatever way they end. Programs may close
what they inherit, and survive a supervisor that is killed: so the file names its job, whose processes the next one
kills first.
"""

from __future__ import annotations

import os
import time

from pfcon.compute.process.leftovers import kill_marked
from pfcon.compute.process.state_file import note_state
from pfcon.files.flags import GUARDED, READ
from pfcon.files.locks import try_lock

TYPE_CHECKING = False  # importing typing would take time and memory for each job
if TYPE_CHECKING:
    from pfcon.compute.process.spec import Gpus
    from pfcon.compute.process.supervisor import Supervisor

VARIABLES = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
"""With which the libraries of NVIDIA and AMD see only the GPUs in the list: see ``of_worker``."""

TURN = "turn"  # whose lock the job has that gets the next GPUs: one that needs many is not overtaken for ever
POLL = 0.2  # seconds between two attempts


class Claim:
    """The GPUs of one job. Raises OSError if the directory of the locks can't be used."""

    def __init__(self, wanted: Gpus, marker: str) -> None:
        self._wanted = wanted
        self._marker = marker.encode()
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
            file = self._open(_file_of(name))
            if try_lock(file):
                taken[name] = file
            else:
                os.close(file)
            if len(taken) == self._wanted["count"]:
                for one, file in taken.items():
                    self._own(one, file)
                os.close(self._turn)
                return [*taken]
        for file in taken.values():
            os.close(file)
        return []

    def _own(self, name: str, file: int) -> None:
        """Become the owner of a GPU, whose file is locked: end what may be left of its last job."""
        if earlier := os.pread(file, 64, 0).decode("ascii", "replace"):
            kill_marked(earlier)
        writable = os.open(_file_of(name), os.O_WRONLY | GUARDED, dir_fd=self._directory)
        try:
            os.pwrite(writable, self._marker, 0)
        finally:
            os.close(writable)
        os.set_inheritable(file, True)

    def _open(self, name: str) -> int:
        """Open a file for its lock; the job inherits it, and must not be able to write to it."""
        return os.open(name, READ | os.O_CREAT, 0o600, dir_fd=self._directory)


def _file_of(name: str) -> str:
    """Return the name of a GPU's file."""
    return f"gpu-{name.replace('/', '%')}"


def give(supervisor: Supervisor, signal_ready: int) -> bool:
    """Get the GPUs that a job needs, and note them for its workers; return False if it was ended while it waited.

    signal_ready: written to when the job has to wait, because then it is on the engine, as if it ran. Raises OSError.
    """
    plan = supervisor.plan
    wanted = plan["gpus"]
    if not wanted:
        return True
    claim = Claim(wanted, plan["marker"])
    if not (ids := claim.take()):
        supervisor.state["waiting"] = wanted["waiting"]
        note_state(supervisor.job, supervisor.state)
        os.write(signal_ready, b"w")
        ids = wait(supervisor, claim)
        supervisor.state.pop("waiting")
    if ids:
        supervisor.state["placed_at"] = time.time()
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
    """Return the variables that show a worker its own part of a job's GPUs.

    HIP, AMD's library, numbers the GPUs that ROCR_VISIBLE_DEVICES leaves from 0, and would choose among these by
    CUDA_VISIBLE_DEVICES without a list of its own (ROCm, "GPU isolation techniques"). CUDA numbers GPUs by their speed,
    nvidia-smi by their place on the bus, unless it is told (CUDA C++ Programming Guide, "CUDA Environment Variables").
    """
    each = len(ids) // workers
    mine = ids[worker * each : (worker + 1) * each]
    own = dict.fromkeys(VARIABLES, ",".join(mine))
    return {**own, "HIP_VISIBLE_DEVICES": ",".join(map(str, range(each))), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
