"""What a job needs before its command can start. A part of the supervisor: uses only the standard library.

Most jobs need nothing, and save the memory for the modules.
"""

from __future__ import annotations

from pfcon.compute.process.start import GPUS, SHM

TYPE_CHECKING = False  # importing typing would take time and memory for each job
if TYPE_CHECKING:
    from pfcon.compute.process.supervisor import Supervisor


def fulfil(supervisor: Supervisor, signal_ready: int) -> bool:
    """Get what the job needs; return False if that is not possible, or if the job was ended while it waited.

    signal_ready: see ``gpus.give``.
    """
    plan = supervisor.plan
    if size := plan.get("shm"):  # the plan of an earlier release has neither
        from pfcon.compute.process.shm import mount_own

        try:
            mount_own(size)
        except OSError:
            supervisor.blame(supervisor.reason(SHM))
            return False
    if plan.get("gpus"):
        from pfcon.compute.process.gpus import give

        try:
            return give(supervisor, signal_ready)
        except OSError:
            supervisor.blame(supervisor.reason(GPUS))
            return False
    return True
