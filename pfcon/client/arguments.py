"""The arguments of the commands that are clients of a service."""

import argparse
import getpass
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pfcon.client.completion import SHELLS
from pfcon.client.output import parse_time
from pfcon.errors import Refused
from pfcon.models import JobId, JobKind, JobStatus

LISTED = 100  # jobs that ``pfcon jobs`` lists, if not told otherwise
CPU, MEMORY = 1000, 1000  # millicores, MiB
_MOST = 2**31 - 1  # of a number
WHERE = """\
It asks the service at PFCON_URL as PFCON_USER with PFCON_PASSWORD, of the environment or of the file
~/.config/pfcon/config.toml: see docs/command-line.md. The exit status is 0, 1 if it has failed, or 2 if the words or
these settings can't be used.
"""
JOBS = """\
List the jobs that the service remembers, newest first. Times are in UTC; what is not known is "-".

  pfcon jobs --status started,notStarted     those that run or wait
  pfcon jobs --owner anna --since 2026-01-31 those of one user since a day
  pfcon jobs --all --json                    all, one JSON object for each
"""
SHOW = """\
Show all that the service remembers of a job, and of the copy, upload and delete jobs of the same JID: states and why,
times, sizes, exit code. pfcon logs JID shows its log.
"""
LOGS = """\
Print the end of a job's log. With -f, print each further line as it comes, until the job ends; the exit status does
not depend on how it ends.
"""
CANCEL = """\
Cancel jobs that wait or run. They end soon after, as finishedWithError with the reason Cancelled; their logs and
outputs are kept. A job that has ended stays as it is.
"""
RM = """\
Remove jobs with their data, outputs, logs and records. A job that runs is stopped first.
"""
RUN = """\
Run one job, as the author of a plugin does: send the files of a directory, follow the log, save the outputs in another
directory, remove the job from the service. The words after -- are the command in the image, and its arguments; the
directories of inputs and outputs are appended to them, as for each plugin of ChRIS.

  pfcon run fnndsc/pl-simpledsapp:2.1.0 --inputs in --outputs out -- simpledsapp --prefix a

The log is written to standard output, all else to standard error. The exit status is the job's exit code, or 1 if the
job has failed without one or something else has failed. Outputs of a failed job are saved, too. Ctrl-C cancels the
job; one that has ended is kept then, with its outputs.
"""
TOP = """\
Show which parts of the service work, how many jobs there are, and the newest of those that wait or run; again every
two seconds, until Ctrl-C.
"""
COMPLETION = """\
Print a script for a shell that completes the words of pfcon. For bash, add to ~/.bashrc:

  eval "$(pfcon completion bash)"

For zsh, add the same with zsh to ~/.zshrc.
"""


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words of ``pfcon run`` before and after the first ``--``; all words of another command as they are."""
    if words[:1] == ["run"] and "--" in words:
        place = list(words).index("--")
        return list(words[:place]), list(words[place + 1 :])
    return list(words), []


def add_client(commands: Any) -> None:
    """Add the commands to a parser's subparsers."""
    _add_jobs(commands)
    show = _parser(commands, "show", "show what the service remembers of a job", SHOW)
    show.add_argument("jid", metavar="JID", type=_jid)
    logs = _parser(commands, "logs", "print the log of a job; with -f until it ends", LOGS)
    logs.add_argument("jid", metavar="JID", type=_jid)
    logs.add_argument("-f", "--follow", action="store_true", help="go on until the job ends")
    cancel = _parser(commands, "cancel", "cancel jobs, and keep their logs and outputs", CANCEL)
    cancel.add_argument("jid", metavar="JID", nargs="+", type=_jid)
    remove = _parser(commands, "rm", "remove jobs with their data", RM)
    remove.add_argument("jid", metavar="JID", nargs="+", type=_jid)
    _add_run(commands)
    top = _parser(commands, "top", "show running figures of the service", TOP)
    top.add_argument("--once", action="store_true", help="show them once; so it is if the output is no terminal")
    completion = commands.add_parser(
        "completion",
        help="print a script that completes the words of pfcon in a shell",
        description=COMPLETION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    completion.add_argument("shell", choices=SHELLS)


def _parser(commands: Any, name: str, summary: str, description: str, usage: str | None = None) -> Any:
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        usage=usage,
        epilog=WHERE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one document on each line")
    return parser


def _add_jobs(commands: Any) -> None:
    jobs = _parser(commands, "jobs", "list the jobs of the service, newest first", JOBS)
    statuses, kinds = [status.value for status in JobStatus], [kind.value for kind in JobKind]
    jobs.add_argument(
        "--status",
        type=_Several(statuses),
        metavar="STATUS",
        help=f"only jobs in this status; several are separated by commas: {', '.join(statuses)}",
    )
    jobs.add_argument(
        "--kind",
        type=_Several(kinds),
        default=JobKind.PLUGIN.value,
        metavar="KIND",
        help=f"jobs of this kind; several are separated by commas: {', '.join(kinds)}; the default is plugin",
    )
    jobs.add_argument("--owner", metavar="AUID", help="only jobs of this ChRIS user")
    jobs.add_argument("--image", metavar="IMAGE", help="only jobs of exactly this image")
    jobs.add_argument(
        "--since", metavar="TIME", type=_time, help="only jobs created then or later: ISO 8601, such as 2026-01-31"
    )
    jobs.add_argument("--until", metavar="TIME", type=_time, help="only jobs created before that time")
    jobs.add_argument(
        "--limit", metavar="N", type=_number(1), default=LISTED, help=f"at most N jobs; the default is {LISTED}"
    )
    jobs.add_argument("--all", action="store_true", help="all jobs, however many")


def _add_run(commands: Any) -> None:
    usage = "pfcon run IMAGE [--inputs DIR] --outputs DIR [OPTION ...] -- COMMAND [ARG ...]"
    run = _parser(commands, "run", "run one job from a directory to another, and follow its log", RUN, usage)
    run.add_argument("image", metavar="IMAGE", help="the container image, as the service's engine knows it")
    run.add_argument(
        "--inputs",
        metavar="DIR",
        type=_directory,
        help="the files of this directory are the inputs, without symbolic links; a job without it is of type fs: it "
        "gets the directory of the outputs only",
    )
    run.add_argument(
        "--outputs",
        metavar="DIR",
        type=_directory,
        required=True,
        help="where the outputs go: a new or an empty directory",
    )
    run.add_argument(
        "--env",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        type=_pair,
        help="a variable for it; repeatable",
    )
    run.add_argument(
        "--cpu-limit", metavar="N", type=_number(1), default=CPU, help=f"millicores; the default is {CPU}, one core"
    )
    run.add_argument(
        "--memory-limit", metavar="N", type=_number(1), default=MEMORY, help=f"MiB; the default is {MEMORY}"
    )
    run.add_argument("--gpu-limit", metavar="N", type=_number(0), default=0, help="GPUs; the default is 0")
    run.add_argument("--workers", metavar="N", type=_number(1), default=1, help="number of workers; the default is 1")
    run.add_argument("--time-limit", metavar="N", type=_number(1), help="minutes; the default is the service's")
    run.add_argument("--owner", metavar="AUID", default=_user(), help="the ChRIS user; the default is your user name")
    run.add_argument("--jid", metavar="JID", type=_jid, help="the id of the job; the default is a new one")
    run.add_argument("--keep", action="store_true", help="do not remove the job at the end")
    run.add_argument("-q", "--quiet", action="store_true", help="print the log and errors only")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have no entry for its user
        return f"uid-{os.getuid()}"


def _directory(text: str) -> Path:
    """Path("") is the current directory, all of which a script with an unset variable would send."""
    if not text:
        raise argparse.ArgumentTypeError("must not be empty; the current directory is .")
    return Path(text)


def _jid(text: str) -> str:
    try:
        return JobId.parse(text)
    except Refused as refusal:
        raise argparse.ArgumentTypeError(str(refusal)) from None


def _pair(text: str) -> str:
    if not text.partition("=")[0] or "=" not in text:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, got {text!r}")
    return text


def _time(text: str) -> str:
    if parse_time(text) is None:
        raise argparse.ArgumentTypeError(f"must be a time in ISO 8601, such as 2026-01-31T08:00:00Z, got {text!r}")
    return text


class _Several:
    """Parses words that are separated by commas. known: the words, which completion offers."""

    def __init__(self, known: list[str]) -> None:
        self.known = known

    def __call__(self, text: str) -> str:
        if unknown := [word for word in text.split(",") if word not in self.known]:
            raise argparse.ArgumentTypeError(f"must be of {', '.join(self.known)}, got {unknown[0]!r}")
        return text


def _number(least: int) -> Any:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= _MOST):
            raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {_MOST}, got {text!r}")
        return int(text)

    return parse
