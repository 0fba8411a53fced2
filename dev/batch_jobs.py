"""What make.sh and unmake.sh ask of Slurm or HTCondor: by pfcon's modules that need the standard library alone.

SLURM_PREFIX, SLURM_CONF, HTCONDOR_PREFIX, HTCONDOR_POOL, HTCONDOR_SCHEDD and CONDOR_CONFIG are those that pfcon gets.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pfcon.compute.htcondor import commands as condor
from pfcon.compute.htcondor.cancelling import Canceller as CondorCanceller
from pfcon.compute.htcondor.folder import HTCondorFolder
from pfcon.compute.htcondor.parsing import queue_command as condor_q
from pfcon.compute.htcondor.parsing import rows
from pfcon.compute.htcondor.queue import Queue as CondorQueue
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.htcondor.version import version_of
from pfcon.compute.slurm import commands as slurm
from pfcon.compute.slurm.cancelling import Canceller as SlurmCanceller
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.parsing import queue_command, queue_rows
from pfcon.compute.slurm.queue import Queue as SlurmQueue
from pfcon.compute.slurm.site import SiteFacts
from pfcon.errors import Absent, ConfigurationError, PfconError
from pfcon.paths import StoreBase

PROBE_SECONDS = 60  # Slurm's own commands end before it: they try for MessageTimeout, which is 10 by default


class Ends(Protocol):
    """What ends jobs."""

    def request_end(self, folder: JobFolder) -> bool: ...
    def force_end(self, folder: JobFolder) -> None: ...


class System(ABC):
    """A batch system."""

    folder_type: type[JobFolder]

    @abstractmethod
    def probe(self) -> str:
        """What answers. Raises ConfigurationError and Unreachable, with what to do."""

    @abstractmethod
    def ends(self) -> Ends:
        """What ends its jobs, without grace."""


class Slurm(System):
    """The cluster of SLURM_CONF."""

    folder_type = JobFolder

    def __init__(self) -> None:
        self._commands = slurm.Commands(_prefix("SLURM_PREFIX"), PROBE_SECONDS)

    def probe(self) -> str:
        slurm.require_tools(self._commands.prefix)
        facts = SiteFacts(self._commands).facts()
        list(queue_rows(self._commands.run(queue_command())))  # the configuration may come from a file
        return f"Slurm {facts.version} ({facts.cluster})"

    def ends(self) -> Ends:
        queue = SlurmQueue(lambda: queue_rows(self._commands.run(queue_command())), staleness=0)
        return SlurmCanceller(self._commands, queue, SiteFacts(self._commands), grace=0)


class HTCondor(System):
    """The pool of CONDOR_CONFIG."""

    folder_type = HTCondorFolder

    def __init__(self) -> None:
        pool, schedd = (os.environ.get(name) or None for name in ("HTCONDOR_POOL", "HTCONDOR_SCHEDD"))
        self._own = HTCondorSettings(pool=pool, schedd=schedd, prefix=_prefix("HTCONDOR_PREFIX"))
        self._commands = condor.Commands(self._own.prefix, PROBE_SECONDS)

    def probe(self) -> str:
        condor.require_tools(self._own.prefix)
        list(rows(self._commands.run(condor_q(self._own))))  # the schedd answers
        return f"HTCondor {version_of(self._commands, self._own)}"

    def ends(self) -> Ends:
        queue = CondorQueue(lambda: rows(self._commands.run(condor_q(self._own))), staleness=0)
        return CondorCanceller(self._commands, queue, self._own, grace=0)


SYSTEMS = {"slurm": Slurm, "htcondor": HTCondor}


def _prefix(name: str) -> tuple[str, ...]:
    return tuple(shlex.split(os.environ.get(name, "")))


def remove(system: System, storebase: StoreBase) -> Iterator[str]:
    """End all jobs of a storeBase, without grace; gives their names. Raises Unreachable when no system answers."""
    root = storebase.private / system.folder_type.engine
    ends = system.ends()
    for link in sorted(root.iterdir()) if root.is_dir() else ():
        if not link.is_symlink():
            continue
        try:
            folder = system.folder_type.open(root, link.name)
            folder.write("now", "")
            if not ends.request_end(folder):
                ends.force_end(folder)
        except Absent:  # it went by itself
            continue
        yield link.name


def main(words: list[str] | None = None) -> int:
    """The command line; exit status 2 with a line on stderr when the batch system does not answer."""
    parser = argparse.ArgumentParser(prog="batch_jobs.py", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("system", choices=tuple(SYSTEMS))
    parser.add_argument("command", choices=("probe", "remove"))
    parser.add_argument("storebase", nargs="?", type=Path, help="(remove) the directory whose jobs are ended")
    arguments = parser.parse_args(words)
    if arguments.command == "remove" and arguments.storebase is None:
        parser.error("remove needs a storeBase")
    try:
        system = SYSTEMS[arguments.system]()
        if arguments.command == "probe":
            print(system.probe())
            return 0
        for name in remove(system, StoreBase(arguments.storebase)):
            print(name, flush=True)
    except ConfigurationError as fault:
        print(*fault.faults, sep="\n", file=sys.stderr)
        return 2
    except (PfconError, OSError, ValueError) as fault:
        print(fault, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
