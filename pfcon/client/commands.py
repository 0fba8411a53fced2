"""Runs a command of the client, and reports why it did not work."""

import argparse
from collections.abc import Callable

from pfcon.client.completion import script
from pfcon.client.errors import ClientError
from pfcon.client.output import OutputFault, say, set_up_output, write_out

_INTERRUPTED = 130  # exit status, as of a shell: 128 + SIGINT
NAMES = ("jobs", "show", "logs", "cancel", "rm", "run", "top")


def _run(arguments: argparse.Namespace) -> int:
    from pfcon.client import ending, listing, running, showing, top
    from pfcon.client.connection import Connection
    from pfcon.client.login import find_login

    commands = {
        "jobs": listing.jobs,
        "show": showing.show,
        "logs": showing.logs,
        "cancel": ending.cancel,
        "rm": ending.remove,
        "run": running.run,
        "top": top.top,
    }
    return commands[arguments.command](Connection(find_login()), arguments)


def run(arguments: argparse.Namespace) -> int:
    """Run the command that is named in the arguments; return its exit status."""
    return _told(lambda: _run(arguments))


def completion(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Print the script of a shell; return the exit status."""

    def act() -> int:
        write_out(script(parser, arguments.shell))
        return 0

    return _told(act)


def _told(act: Callable[[], int]) -> int:
    """Run a command, and say why it did not work; return its exit status."""
    set_up_output()
    try:
        return act()
    except ClientError as fault:
        if not (isinstance(fault, OutputFault) and fault.nobody_reads):
            say(f"pfcon: {fault}")
        return fault.exit_status
    except KeyboardInterrupt:
        return _INTERRUPTED
