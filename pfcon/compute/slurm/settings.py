"""The settings of the slurm engine. Slurm's own settings (SLURM_CONF) are only passed on to its commands."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pfcon.compute.settings import node_selector
from pfcon.compute.slurm.template import Template
from pfcon.settings import kinds
from pfcon.settings.kinds import Kind
from pfcon.settings.section import setting

_NAME = r"[A-Za-z0-9][A-Za-z0-9_.@+-]*"
_SBATCH = "as for `sbatch`"
_OWN_SBATCH_OPTIONS = (
    *("array", "chdir", "comment", "container", "cpus-per-gpu", "cpus-per-task", "error", "export", "export-file"),
    *("get-user-env", "gid", "hold", "input", "job-name", "mem", "mem-per-cpu", "mem-per-gpu", "ntasks", "open-mode"),
    *("output", "parsable", "quiet", "requeue", "no-requeue", "signal", "test-only", "time", "uid", "wait", "wrap"),
    *("help", "usage", "version"),
)


# What settings of both engines whose jobs have directories mean.
LAUNCHER = "Program that runs a job's container on its node"
LAUNCHER_COMMAND = (
    "Command line of a launcher of the site's own, with [places](engines/slurm.md#a-launcher-of-your-own)."
)
IMAGES = (
    "Directory with images that need not be fetched, at the same path on the nodes: NAME/TAG below it is an OCI "
    "layout or a bundle, NAME/TAG.sif a SIF file."
)
CDI = "CDI file in JSON with the device `all`, with which the launchers crun and runc give GPUs to jobs."
CACHE = "Largest total size of unpacked images below storeBase; the least recently used ones are removed first."


class LauncherName(StrEnum):
    """SLURM_LAUNCHER and HTCONDOR_LAUNCHER: the program that runs the container of a job on its node."""

    CRUN = "crun"
    RUNC = "runc"
    CHARLIECLOUD = "charliecloud"
    APPTAINER = "apptainer"
    SINGULARITY = "singularity"
    PODMAN = "podman"
    ENROOT = "enroot"
    CONTAINER = "container"
    COMMAND = "command"


OCI_RUNTIMES = (LauncherName.CRUN, LauncherName.RUNC)
"""The launchers that need SLURM_CDI for jobs with GPUs, and show a worker its PMIx server."""


def sbatch_options() -> Kind[tuple[str, ...]]:
    """Return the kind of a setting with long options of sbatch(1), except those that pfcon itself sets."""
    plain = kinds.arguments("")

    def parse(value: str) -> tuple[str, ...]:
        found = plain.parse(value)
        if not all(re.fullmatch(r"--[a-z][a-z0-9-]*(=.*)?", word) for word in found):
            raise ValueError
        if any(name.startswith(word[2:].partition("=")[0]) for word in found for name in _OWN_SBATCH_OPTIONS):
            raise ValueError
        return found

    return Kind(
        "long options, --NAME or --NAME=VALUE, except those that pfcon sets (such as --output or --export)", parse
    )


def launcher_command() -> Kind[Template]:
    """Return the kind of a setting with the command line of a launcher; ``require_launcher`` checks its places."""
    words = kinds.arguments("")

    return Kind("a command line, quoted as in a shell", lambda value: Template(words.parse(value)))


@dataclass(frozen=True)
class SlurmSettings:
    """Where Slurm jobs go, and how their containers run.

    gres: the name of GPUs for ``--gres``. options: further options for sbatch. prefix: see ``Commands``.
    timeout: seconds for one command. images: a directory of the site's own images. cache: bytes, 0 is no limit.
    """

    partition: str | None = setting(
        "SLURM_PARTITION",
        kinds.text("a name, or several separated by commas", rf"{_NAME}(,{_NAME})*"),
        f"Partition of the jobs, {_SBATCH}.",
        note="the default partition of the cluster",
        exclusive=True,
    )
    account: str | None = setting(
        "SLURM_ACCOUNT",
        kinds.text("a name", _NAME),
        f"Account to which jobs are charged, {_SBATCH}.",
        note="the default account of the user",
        exclusive=True,
    )
    qos: str | None = setting(
        "SLURM_QOS",
        kinds.text("a name", _NAME),
        f"Quality of service of the jobs, {_SBATCH}.",
        note="the default quality of service of the user",
        exclusive=True,
    )
    constraint: str | None = setting(
        "SLURM_CONSTRAINT",
        kinds.text("features of nodes, combined as for sbatch (a&b, 2*a)", r"[A-Za-z0-9_.&|*()\[\]:,=+/-]+"),
        f"Features that jobs' nodes must have, {_SBATCH}.",
        exclusive=True,
    )
    node_selector: tuple[tuple[str, str], ...] = node_selector()
    gres: str = setting(
        "SLURM_GPU_GRES",
        kinds.text("NAME or NAME:TYPE", rf"{_NAME}(:{_NAME})?"),
        "Generic resource (GRES) of a GPU.",
        default="gpu",
        exclusive=True,
    )
    options: tuple[str, ...] = setting(
        "SLURM_OPTIONS", sbatch_options(), "Further options for `sbatch`.", unset=(), exclusive=True
    )
    launcher: LauncherName = setting(
        "SLURM_LAUNCHER",
        kinds.choice(LauncherName),
        f"{LAUNCHER}; with `container`, Slurm itself runs it, with the nodes' oci.conf; with `command`, it is "
        "SLURM_LAUNCHER_COMMAND.",
        default="crun",
        exclusive=True,
    )
    command: Template | None = setting(
        "SLURM_LAUNCHER_COMMAND",
        launcher_command(),
        LAUNCHER_COMMAND,
        exclusive=True,
    )
    cdi: Path | None = setting(
        "SLURM_CDI",
        kinds.local_directory(),
        CDI,
        exclusive=True,
    )
    mpi: str = setting(
        "SLURM_MPI",
        kinds.text("a name that `srun --mpi=list` shows", r"[a-z0-9_]+"),
        "How `srun` connects the workers of a job to each other, e.g. `pmix`.",
        default="none",
        exclusive=True,
    )
    prefix: tuple[str, ...] = setting(
        "SLURM_PREFIX",
        kinds.arguments("arguments, quoted as in a shell"),
        "Prefix of each of Slurm's commands, e.g. `ssh -o BatchMode=yes login1`.",
        note="the commands run on this host",
        unset=(),
        exclusive=True,
    )
    timeout: int = setting(
        "SLURM_TIMEOUT",
        kinds.number(1, 600, "seconds"),
        "Longest time for one of Slurm's commands.",
        default="30",
        exclusive=True,
    )
    images: Path | None = setting(
        "SLURM_IMAGES",
        kinds.local_directory(),
        IMAGES,
        exclusive=True,
    )
    cache: int = setting(
        "SLURM_CACHE_BYTES",
        kinds.size(),
        CACHE,
        default="256 GiB",
        exclusive=True,
    )

    @property
    def selected(self) -> str:
        """The nodes that NODE_SELECTOR selects, for messages; empty if all."""
        labels = ", ".join(f"{key}={value}" for key, value in self.node_selector)
        return f"the features {labels} (NODE_SELECTOR)" if labels else ""
