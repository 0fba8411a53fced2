"""The settings of the htcondor engine. HTCondor's own settings (CONDOR_CONFIG) are only passed on to its commands."""

import re
from dataclasses import dataclass
from pathlib import Path

from pfcon.compute.settings import node_selector
from pfcon.compute.slurm.settings import (
    CACHE,
    CDI,
    IMAGES,
    LAUNCHER,
    LAUNCHER_COMMAND,
    LauncherName,
    SlurmSettings,
    launcher_command,
)
from pfcon.compute.slurm.template import Template
from pfcon.settings import kinds
from pfcon.settings.kinds import Kind
from pfcon.settings.section import setting

_NAME = r"[A-Za-z0-9][A-Za-z0-9_.@+-]*"
_LINE = r"[^\x00-\x1f\x7f]+"
_OWN_COMMANDS = frozenset(
    {
        *("allowed_execute_duration", "allowed_job_duration", "arguments", "batch_name", "concurrency_limits"),
        *("cron_day_of_month", "environment", "env", "error", "executable"),
        *("getenv", "hold", "initialdir", "input", "job_max_vacate_time", "kill_sig", "leave_in_queue", "log"),
        *("max_retries", "notification", "on_exit_hold", "on_exit_remove", "output", "periodic_hold"),
        *("periodic_release", "periodic_remove", "queue", "rank", "remove_kill_sig", "request_cpus", "request_gpus"),
        *("request_memory", "requirements", "should_transfer_files", "transfer_executable", "universe"),
        *("accounting_group", "want_graceful_removal"),
    }
)
_COMMAND = re.compile(r"(\+|MY\.)?([A-Za-z_][A-Za-z0-9_.]*) *=(?!=) *\S.*")
_OWN_ATTRIBUTES = re.compile(r"pfcon", re.IGNORECASE)
# The container universe and the docker universe: a job's script runs on its machine, and starts the container.
_UNIVERSES = re.compile(r"(?:want_?)?(?:container|docker|singularity)|transfer_container|want_?(?:sif|sandbox)", re.I)


def expression() -> Kind[str]:
    """Return the kind of a setting with a ClassAd expression; HTCondor itself checks it when it gets a job."""
    return kinds.text("a ClassAd expression, in one line without $", r"[^\x00-\x1f\x7f$]+")


def submit_lines() -> Kind[tuple[str, ...]]:
    """Return the kind of a setting with commands of a submit description, except those that pfcon itself sets."""
    plain = kinds.arguments("")

    def parse(value: str) -> tuple[str, ...]:
        found = plain.parse(value)
        for line in found:
            command = _COMMAND.fullmatch(line)
            if not command or "$" in line or not re.fullmatch(_LINE, line):
                raise ValueError
            attribute, name = command[1], command[2]
            if attribute:
                if _OWN_ATTRIBUTES.match(name) or _UNIVERSES.match(name):
                    raise ValueError
            elif _UNIVERSES.match(name) or name.lower() in _OWN_COMMANDS or "." in name:
                raise ValueError
        return found

    return Kind(
        "commands of a submit description, each as one argument, NAME = VALUE or +ATTRIBUTE = VALUE, without $, except "
        "those that pfcon sets (such as output or periodic_hold) and those of containers",
        parse,
    )


@dataclass(frozen=True)
class HTCondorSettings:
    """Where jobs go, and how their containers run.

    prefix: see ``CommandRunner``. timeout: seconds for one command. images: a directory of the site's own images.
    cache: bytes, 0 is no limit. lines: further commands of the submit description.
    """

    pool: str | None = setting(
        "HTCONDOR_POOL",
        kinds.text("HOST or HOST:PORT", r"[A-Za-z0-9\[][A-Za-z0-9_.:\[\]-]*"),
        "Central manager of the pool, as for `condor_q -pool`.",
        note="that of HTCondor's own configuration",
        exclusive=True,
    )
    schedd: str | None = setting(
        "HTCONDOR_SCHEDD",
        kinds.text("a name", _NAME),
        "Name of the schedd that has the jobs, as for `condor_q -name`.",
        note="the one of the host where the commands run",
        exclusive=True,
    )
    requirements: str | None = setting(
        "HTCONDOR_REQUIREMENTS",
        expression(),
        "What the machines of jobs must have, as `requirements` of `condor_submit`.",
        exclusive=True,
    )
    node_selector: tuple[tuple[str, str], ...] = node_selector()
    rank: str | None = setting(
        "HTCONDOR_RANK",
        expression(),
        "Which machines jobs prefer, as `rank` of `condor_submit`.",
        exclusive=True,
    )
    accounting_group: str | None = setting(
        "HTCONDOR_ACCOUNTING_GROUP",
        kinds.text("a name, maybe with subgroups (group.subgroup)", _NAME),
        "Accounting group to which jobs are charged.",
        note="the user who submits",
        exclusive=True,
    )
    limits: str | None = setting(
        "HTCONDOR_CONCURRENCY_LIMITS",
        kinds.text(
            "NAME or NAME:COUNT, several separated by commas",
            r"[A-Za-z_][A-Za-z0-9_.]*(:[0-9]+)?(, ?[A-Za-z_][A-Za-z0-9_.]*(:[0-9]+)?)*",
        ),
        "Countable resources of the pool that each job uses, such as licences.",
        exclusive=True,
    )
    lines: tuple[str, ...] = setting(
        "HTCONDOR_SUBMIT", submit_lines(), "Further commands for `condor_submit`.", unset=(), exclusive=True
    )
    launcher: LauncherName = setting(
        "HTCONDOR_LAUNCHER",
        kinds.choice(LauncherName, without=frozenset({LauncherName.CONTAINER})),
        f"{LAUNCHER}; with `command`, it is HTCONDOR_LAUNCHER_COMMAND.",
        default="crun",
        exclusive=True,
    )
    command: Template | None = setting(
        "HTCONDOR_LAUNCHER_COMMAND", launcher_command(), LAUNCHER_COMMAND, exclusive=True
    )
    cdi: Path | None = setting("HTCONDOR_CDI", kinds.local_directory(), CDI, exclusive=True)
    prefix: tuple[str, ...] = setting(
        "HTCONDOR_PREFIX",
        kinds.arguments("arguments, quoted as in a shell"),
        "Prefix of each of HTCondor's commands, e.g. `ssh -o BatchMode=yes submit1`.",
        note="the commands run on this host",
        unset=(),
        exclusive=True,
    )
    timeout: int = setting(
        "HTCONDOR_TIMEOUT",
        kinds.number(1, 600, "seconds"),
        "Longest time for one of HTCondor's commands.",
        default="30",
        exclusive=True,
    )
    images: Path | None = setting("HTCONDOR_IMAGES", kinds.local_directory(), IMAGES, exclusive=True)
    cache: int = setting("HTCONDOR_CACHE_BYTES", kinds.size(), CACHE, default="256 GiB", exclusive=True)

    @property
    def node_side(self) -> SlurmSettings:
        """The settings of the node side, which is Slurm's."""
        return SlurmSettings(launcher=self.launcher, command=self.command, cdi=self.cdi)
