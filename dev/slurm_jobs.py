"""What make.sh and unmake.sh ask of Slurm, in pfcon's own way: by pfcon's modules that need the standard library alone.

SLURM_PREFIX and SLURM_CONF are those that pfcon gets.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pfcon.compute.slurm.cancelling import Canceller
from pfcon.compute.slurm.commands import Commands, require_tools
from pfcon.compute.slurm.engine import SlurmEngine
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.parsing import queue_command, queue_rows
from pfcon.compute.slurm.queue import Queue
from pfcon.compute.slurm.site import SiteFacts
from pfcon.errors import Absent, ConfigurationError, PfconError
from pfcon.paths import StoreBase

PROBE_SECONDS = 60.0  # Slurm's own commands end before it: they try for MessageTimeout, which is 10 by default


def probe(commands: Commands) -> str:
    """The cluster that answers. Raises ConfigurationError and Unreachable, with what to do."""
    require_tools(commands.prefix)
    facts = SiteFacts(commands).facts()
    list(queue_rows(commands.run(queue_command())))  # the configuration may come from a file, the queue does not
    return f"Slurm {facts.version} ({facts.cluster})"


def remove(commands: Commands, storebase: StoreBase) -> Iterator[str]:
    """End all jobs of a storeBase, without grace; gives their names. Raises Unreachable when Slurm does not answer."""
    root = storebase.private / SlurmEngine.name
    queue = Queue(lambda: queue_rows(commands.run(queue_command())), staleness=0)
    canceller = Canceller(commands, queue, SiteFacts(commands), grace=0)
    for link in sorted(root.iterdir()) if root.is_dir() else ():
        if not link.is_symlink():
            continue
        try:
            folder = JobFolder.open(root, link.name)
            folder.write("now", "")
            if not canceller.request_end(folder):
                canceller.force_end(folder)
        except Absent:  # it went by itself
            continue
        yield link.name


def main(words: list[str] | None = None) -> int:
    """The command line; exit status 2 with a line on stderr when Slurm does not answer."""
    parser = argparse.ArgumentParser(prog="slurm_jobs.py", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("command", choices=("probe", "remove"))
    parser.add_argument("storebase", nargs="?", type=Path, help="(remove) the directory whose jobs are ended")
    arguments = parser.parse_args(words)
    if arguments.command == "remove" and arguments.storebase is None:
        parser.error("remove needs a storeBase")
    try:
        commands = Commands(tuple(shlex.split(os.environ.get("SLURM_PREFIX", ""))), PROBE_SECONDS)
        if arguments.command == "probe":
            print(probe(commands))
            return 0
        for name in remove(commands, StoreBase(arguments.storebase)):
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
