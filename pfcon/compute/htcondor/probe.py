"""A job that reports what is missing on its node: for ``pfcon check``."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from pfcon.compute.htcondor import state
from pfcon.compute.htcondor.cancelling import Canceller
from pfcon.compute.htcondor.commands import Commands
from pfcon.compute.htcondor.folder import LOG
from pfcon.compute.htcondor.queue import Queue
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.htcondor.spec import submit_description, submit_words, vacate_time
from pfcon.compute.htcondor.state import Stage
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.launchers import launcher_of
from pfcon.compute.slurm.probe import findings, probe_spec
from pfcon.compute.slurm.spec import body, header
from pfcon.compute.words import plain
from pfcon.errors import Refused, Unreachable
from pfcon.polling import polls

WAIT = 180.0  # seconds for the probe to run: a pool may negotiate only once a minute
_POLL = 0.5  # seconds


@dataclass(frozen=True)
class Probe:
    """Runs a probe job."""

    commands: Commands
    queue: Queue
    settings: HTCondorSettings
    canceller: Canceller

    def run(self, folder: JobFolder, nodes_path: PurePosixPath, lacking: list[str]) -> str:
        """Run the probe and return the name of its node. lacking: what is missing on this host.

        Raises Refused with all that is missing, Unreachable.
        """
        launcher = launcher_of(self.settings.node_side)
        text = header({"JOB": str(nodes_path), "PROGRAM": launcher.program})
        folder.write_all({"job.sh": text + body("probe.sh")})
        description = submit_description(probe_spec(), nodes_path, folder.marker, self.settings)
        self.commands.run(submit_words(self.settings), stdin=vacate_time(1) + description)
        try:
            node, missing = findings(self._wait(folder, nodes_path), launcher.program, launcher.package)
        finally:
            self.canceller.leave_queue(folder)
        lacking = lacking + [f"{node} has no {what}" for what in missing]
        if lacking:
            raise Refused("; ".join(lacking))
        return node

    def _wait(self, folder: JobFolder, nodes_path: PurePosixPath) -> str:
        for _ in polls(WAIT, _POLL):
            row = next(iter(self.queue.fresh(folder.marker, None)), None)
            ended = row is None or state.stage_of(row) is Stage.ENDED
            if folder.has("found"):
                return folder.text_tail("found")
            said = plain((row.hold_reason or row.vacate_reason) if row else "") or folder.text_tail(LOG).strip()
            if ended or (row and state.can_never_run(row)):
                raise Refused(
                    f"the probe job wrote nothing to {nodes_path} ({said or 'HTCondor gives no reason'}): this "
                    "directory must exist on the machines (STOREBASE), and be writable for the user who submits jobs"
                )
        raise Unreachable(f"the probe job did not run within {WAIT:.0f} s: does the pool have a free machine?")
