"""The command line: ``pfcon serve`` and the other commands; ``python -m pfcon`` is the same."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pfcon import __version__
from pfcon.client import commands as client
from pfcon.client.arguments import add_client, split_words
from pfcon.commands.arguments import add_records
from pfcon.errors import ConfigurationError, StorageFull, Unreachable

if TYPE_CHECKING:
    from pfcon.configuration import Settings

USAGE_ERROR = 2

DESCRIPTION = """\
pfcon runs the jobs of the ChRIS platform: it stages a job's inputs, runs its container, and serves the results.

serve, check, health, ready and records are for the administrator of a service, on its host. They are configured by
environment variables, or a .env file in the current directory; docs/settings.md lists them all. To try it without any
engine or secrets:

  mkdir -p /tmp/storeBase
  APPLICATION_MODE=development CONTAINER_ENV=process STOREBASE_MOUNT=/tmp/storeBase pfcon serve

jobs, show, logs, cancel, rm, run and top are for everyone who has a service's address, user and password: PFCON_URL,
PFCON_USER and PFCON_PASSWORD, or ~/.config/pfcon/config.toml; docs/command-line.md describes them.
"""


def _help_formatter(prog: str) -> argparse.HelpFormatter:
    """Return a formatter with room for the name of each command beside its help."""
    formatter = argparse.RawDescriptionHelpFormatter(prog, max_help_position=18)
    formatter._action_max_length = 14  # argparse does not count the indentation of a command
    return formatter


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pfcon",
        description=DESCRIPTION,
        formatter_class=_help_formatter,
    )
    parser.add_argument("--version", action="version", version=f"pfcon {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="serve the HTTP interface until SIGTERM or SIGINT",
        description="Serve the HTTP interface. SIGTERM and SIGINT stop it: running transfers may finish "
        "first (PFCON_GRACEFUL_TIMEOUT), jobs continue, and the next start finds them again.",
    )
    serve.add_argument(
        "--bind",
        metavar="HOST:PORT",
        help="where to listen; the default is PFCON_BIND, or 127.0.0.1:5005 in development and 0.0.0.0:5005 in "
        "production",
    )
    commands.add_parser(
        "check",
        help="check settings, storeBase, records, storage and engine, and report what is wrong",
        description="Check all that pfcon needs: settings, storeBase, the database of records, the storage, the "
        "engine, the audit file if there is one. Prints one line for each; the exit status is 1 if a check fails.",
    )
    commands.add_parser(
        "health",
        help="check whether the service on this host is healthy",
        description="Check whether the service on this host, at the address in PFCON_BIND, is healthy; the exit status "
        "is 1 if it is not. It needs no other setting. For the health checks of containers.",
    )
    commands.add_parser(
        "ready",
        help="show which parts of the service on this host work",
        description="Ask the service on this host, at the address in PFCON_BIND, which of its parts work: records, "
        "storeBase, storage, engine, and the process that watches the jobs. Prints one line for each; the exit status "
        "is 1 if one does not work. It needs no other setting. For people and monitoring: a health check that restarts "
        "the service asks `pfcon health`, because a restart does not bring back an engine.",
    )
    add_records(commands)
    add_client(commands)
    return parser


def _log_as(settings: "Settings", arguments: argparse.Namespace) -> None:
    """Set up the log. Raises ConfigurationError."""
    from pfcon.service_log.setup import set_up

    log = settings.log
    try:
        set_up(level=log.level, form=log.form, audit=log.audit if _changes_jobs(arguments) else None)
    except OSError as fault:
        raise ConfigurationError([f"PFCON_AUDIT_FILE: {log.audit} can't be written: {fault.strerror}"]) from None


def _open_standard_streams() -> None:
    """Open those that are closed, as after ``2>&-``: otherwise a socket or the database would get their numbers."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest free number
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if number == 0 else "w"))  # noqa: SIM115 - until the process ends


def _serve(settings: "Settings", _arguments: argparse.Namespace) -> int:
    from pfcon.metrics.directory import make_directory

    make_directory()
    from pfcon.server import serve

    serve(settings)
    return 0


def _check(settings: "Settings", _arguments: argparse.Namespace) -> int:
    from pfcon.check import run_checks

    return 0 if run_checks(settings) else 1


def _health(address: tuple[str, int]) -> int:
    from pfcon.health import ask

    print(ask(address))
    return 0


def _ready(address: tuple[str, int]) -> int:
    from pfcon.health import ask_parts

    ready, lines = ask_parts(address)
    print(*lines, sep="\n")
    return 0 if ready else 1


def _records(settings: "Settings", arguments: argparse.Namespace) -> int:
    from pfcon.commands.records import run

    return run(settings, arguments)


_COMMANDS = {"serve": _serve, "check": _check, "records": _records}
_QUESTIONS = {"health": _health, "ready": _ready}


def _changes_jobs(arguments: argparse.Namespace) -> bool:
    """Whether a command may change jobs, which is audited. Others must not need the file for that."""
    return arguments.command == "serve" or getattr(arguments, "action", "") in ("expire", "orphans")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status: 0, 1 (failed) or 2 (invalid settings or arguments)."""
    parser = _parser()
    words, of_job = split_words(sys.argv[1:] if argv is None else argv)
    arguments = parser.parse_args(words, argparse.Namespace(words=of_job))
    if arguments.command in client.NAMES:
        return client.run(arguments)
    if arguments.command == "completion":
        return client.completion(arguments, parser)
    from pfcon.configuration import load, load_address

    environ = None
    if arguments.command == "serve":
        _open_standard_streams()
    if getattr(arguments, "bind", None):
        os.environ["PFCON_BIND"] = arguments.bind
    try:
        if arguments.command in _QUESTIONS:
            return _QUESTIONS[arguments.command](load_address())
        settings = load(environ)
        _log_as(settings, arguments)
        return _COMMANDS[arguments.command](settings, arguments)
    except (Unreachable, StorageFull) as error:
        print(error, file=sys.stderr)
        return 1
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return USAGE_ERROR


if __name__ == "__main__":
    sys.exit(main())
