"""Runs a command of the client, and reports why it did not work."""

import argparse
import sys

from pfcon.client.completion import script
from pfcon.client.errors import ClientError
from pfcon.client.output import discard_output, say

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
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except ClientError as fault:
        say(f"pfcon: {fault}")
        return fault.exit_status
    except BrokenPipeError:  # as in ``pfcon jobs | head``
        discard_output()
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def completion(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Print the script of a shell."""
    print(script(parser, arguments.shell), end="")
    return 0
