"""The settings of the slurm engine. Slurm's own ones (SLURM_CONF) are for its tools, and go to them alone."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pfcon.settings import kinds
from pfcon.settings.kinds import Kind
from pfcon.settings.section import setting

_NAME = r"[A-Za-z0-9][A-Za-z0-9_.@+-]*"
_SBATCH = "as `sbatch` has it"
_OWN_SBATCH_OPTIONS = (
    *("array", "chdir", "comment", "container", "cpus-per-task", "error", "export", "export-file", "get-user-env"),
    *("gid", "hold", "input", "job-name", "mem", "mem-per-cpu", "ntasks", "open-mode", "output", "parsable", "quiet"),
    *("requeue", "no-requeue", "signal", "test-only", "time", "uid", "wait", "wrap", "help", "usage", "version"),
)


class LauncherName(StrEnum):
    """SLURM_LAUNCHER: what runs the container of a Slurm job on its node."""

    CRUN = "crun"
    RUNC = "runc"
    CHARLIECLOUD = "charliecloud"
    APPTAINER = "apptainer"
    SINGULARITY = "singularity"
    PODMAN = "podman"
    ENROOT = "enroot"
    CONTAINER = "container"


def sbatch_options() -> Kind[tuple[str, ...]]:
    """Long options of sbatch(1), but for those that pfcon needs for itself."""
    plain = kinds.arguments("")

    def parse(value: str) -> tuple[str, ...]:
        found = plain.parse(value)
        if not all(re.fullmatch(r"--[a-z][a-z0-9-]*(=.*)?", word) for word in found):
            raise ValueError
        if any(name.startswith(word[2:].partition("=")[0]) for word in found for name in _OWN_SBATCH_OPTIONS):
            raise ValueError
        return found

    return Kind(
        "long options, --NAME or --NAME=VALUE, but none that pfcon sets (as --output, --array or --export)", parse
    )


@dataclass(frozen=True)
class SlurmSettings:
    """Where Slurm jobs go, and how their containers run.

    gres: what ``--gres`` calls a GPU. options: further words for sbatch. prefix: words before every command.
    timeout: seconds that a command may take. images: a directory of the site's own images. cache: bytes, 0 is no limit.
    """

    partition: str | None = setting(
        "SLURM_PARTITION",
        kinds.text("a name, or several separated by commas", rf"{_NAME}(,{_NAME})*"),
        f"Partition of the jobs, {_SBATCH}.",
        note="the cluster's",
        exclusive=True,
    )
    account: str | None = setting(
        "SLURM_ACCOUNT",
        kinds.text("a name", _NAME),
        f"Account that jobs are charged to, {_SBATCH}.",
        note="the user's",
        exclusive=True,
    )
    qos: str | None = setting(
        "SLURM_QOS",
        kinds.text("a name", _NAME),
        f"Quality of service of the jobs, {_SBATCH}.",
        note="the user's",
        exclusive=True,
    )
    constraint: str | None = setting(
        "SLURM_CONSTRAINT",
        kinds.text("features of nodes, as sbatch joins them (a&b, 2*a)", r"[A-Za-z0-9_.&|*()\[\]:,+-]+"),
        f"Features that jobs' nodes must have, {_SBATCH}.",
        exclusive=True,
    )
    gres: str = setting(
        "SLURM_GPU_GRES",
        kinds.text("NAME or NAME:TYPE", rf"{_NAME}(:{_NAME})?"),
        "The generic resource (GRES) that a GPU is.",
        default="gpu",
        exclusive=True,
    )
    options: tuple[str, ...] = setting(
        "SLURM_OPTIONS", sbatch_options(), "Further options for `sbatch`.", unset=(), exclusive=True
    )
    launcher: LauncherName = setting(
        "SLURM_LAUNCHER",
        kinds.choice(LauncherName),
        "What runs a job's container on its node; `container` is Slurm's own way, with the nodes' oci.conf.",
        default="crun",
        exclusive=True,
    )
    prefix: tuple[str, ...] = setting(
        "SLURM_PREFIX",
        kinds.arguments("words as a shell has them"),
        "What comes before each of Slurm's commands, e.g. `ssh -o BatchMode=yes login1`.",
        note="they are run here",
        unset=(),
        exclusive=True,
    )
    timeout: int = setting(
        "SLURM_TIMEOUT",
        kinds.number(1, 600, "seconds"),
        "How long one of Slurm's commands may take.",
        default="30",
        exclusive=True,
    )
    images: Path | None = setting(
        "SLURM_IMAGES",
        kinds.local_directory(),
        "Directory, also of the nodes, with images that are not fetched: NAME/TAG below it is an OCI layout or a "
        "bundle.",
        exclusive=True,
    )
    cache: int = setting(
        "SLURM_CACHE_BYTES",
        kinds.size(),
        "Most bytes that unpacked images take below storeBase; those not used for longest go first.",
        default="256 GiB",
        exclusive=True,
    )
