"""A job that reports what is missing on its node: for ``pfcon check``."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pfcon.compute.slurm import state
from pfcon.compute.slurm.commands import PACKAGES, Commands
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.launchers import launcher_of
from pfcon.compute.slurm.node_job import Image, NodeJob
from pfcon.compute.slurm.queue import Queue
from pfcon.compute.slurm.settings import SlurmSettings
from pfcon.compute.slurm.spec import body, header, sbatch_words
from pfcon.errors import Refused, Unreachable
from pfcon.models import JobId, JobKind, JobSpec, Resources
from pfcon.polling import polls

NAME = "pfcon-check"
WAIT = 60.0  # seconds for the probe to run
_POLL = 0.2  # seconds
_LACKS = {
    "init": "catatonit, which podman needs as an init for jobs (Debian package: catatonit)",
    "namespaces": "user namespaces (user.max_user_namespaces, kernel.unprivileged_userns_clone, see sysctl)",
    "temporary": "a directory for temporary files (TMPDIR)",
    "create": "oci.conf with RunTimeRun (SLURM_LAUNCHER=container): its oci.conf has RunTimeCreate, with which no "
    "job ends on Slurm 22.05 and 24.11, and their machine may be drained (Kill task failed)",
    "oci.conf": "oci.conf beside its slurm.conf: Slurm would run jobs on the node itself, outside of any container",
}
_DEPTHS = ("*/", "*/*/", "*/*/*/")  # of a site's images: REPOSITORY/TAG.sif
_LEAVES = "without it, Slurm neither limits nor ends what this launcher starts"
# What an oci.conf(5) of Slurm's "Containers Guide" may run, and why it does not run pfcon's jobs.
_LINK = "which refuses a bundle whose rootfs is a link, as Slurm before 24.11 needs it"
_MOUNTS = "which ignores the mounts of a job's bundle"
_UNFIT = {"runc": _LINK, "nvidia-container-runtime": _LINK}


@dataclass(frozen=True)
class Probe:
    """Runs a probe job. user: uid and gid of the user who submits jobs. cgroups: see ``Facts``."""

    commands: Commands
    queue: Queue
    settings: SlurmSettings
    user: tuple[int, int]
    cgroups: bool

    def run(self, folder: JobFolder, nodes_path: PurePosixPath, lacking: list[str]) -> str:
        """Run the probe and return the name of its node. lacking: what is wrong with the settings.

        Raises Refused with all that is missing, Unreachable.
        """
        lacking = lacking + missing_tools(self.commands, self.settings.images)
        launcher = launcher_of(self.settings)
        if launcher.leaves and not self.cgroups:
            lacking.append(f"SLURM_LAUNCHER={launcher.name} needs ProctrackType=proctrack/cgroup: {_LEAVES}")
        job = NodeJob.of(
            probe_spec(), folder.marker, Image(nodes_path), directory=nodes_path, root=nodes_path, user=self.user
        )
        text = header({"JOB": str(nodes_path), "PROGRAM": launcher.program})
        words = [word for word in sbatch_words(probe_spec(), job, self.settings) if not word.startswith("--container=")]
        number = self.commands.run(words, stdin=text + body("probe.sh")).strip().partition(";")[0]
        try:
            node, missing = findings(self._wait(folder, number, nodes_path), launcher.program, launcher.package)
        finally:
            self.commands.run(["scancel", number])
        lacking += [f"{node} has no {what}" for what in missing]
        if lacking:
            raise Refused("; ".join(lacking))
        return node

    def _wait(self, folder: JobFolder, number: str, nodes_path: PurePosixPath) -> str:
        row = None
        for _ in polls(WAIT, _POLL):
            row = next(iter(self.queue.fresh(folder.marker, number)), None)
            ended = row is None or state.stage_of(row) is state.Stage.ENDED
            if folder.has("found"):
                return folder.text_tail("found")
            if ended:
                found = f"{row.state} {row.reason}".strip() if row else "forgotten"
                raise Refused(
                    f"the probe job {number} wrote nothing to {nodes_path} ({found}): this directory must exist on "
                    "the machines (STOREBASE), and be writable for the user who submits jobs"
                )
            if row and state.can_never_run(row):
                raise Refused(f"Slurm can't run the probe job: {state.never_runs(row).message} ({row.reason})")
        why = row.reason if row else ""
        raise Unreachable(f"the probe job {number} did not run within {WAIT:.0f} s: {why or 'Slurm gives no reason'}")


def missing_tools(commands: Commands, images: Path | None) -> list[str]:
    """Return the missing tools for fetching and unpacking images; a site with its own images needs none for bundles."""
    lacking = []
    own = ("unsquashfs",) if images and any(any(images.glob(f"{above}*.sif")) for above in _DEPTHS) else ()
    for tool in own if images else ("skopeo", "umoci"):
        try:
            # Some releases of unsquashfs(1) fail when they only print their version.
            commands.run(["sh", "-c", f"command -v {tool}"] if own else [tool, "--version"])
        except (Refused, Unreachable):
            lacking.append(f"{tool}, which is needed for images, can't be run (Debian package: {PACKAGES[tool]})")
    return lacking


def probe_spec() -> JobSpec:
    """Return a job with the smallest possible resources."""
    return JobSpec(NAME, JobId(NAME), JobKind.PLUGIN, "none", ("true",), resources=Resources(time_limit=1))


def findings(text: str, program: str, package: str) -> tuple[str, list[str]]:
    """Parse the report of a probe: the node on which it ran, and what the node lacks. Pure."""
    node, missing = "the node", []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "node":
            node = f"node {rest}"
        elif word == "program":
            missing.append(program + (f" (Debian package: {package})" if package else ""))
        elif word == "crun":
            why = _UNFIT.get(rest, _MOUNTS)
            missing.append(
                f"oci.conf that runs crun or runc (SLURM_LAUNCHER=container): its oci.conf runs {rest}, {why}"
            )
        else:
            missing.append(_LACKS.get(word, word))
    return node, missing
