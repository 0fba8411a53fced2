"""``pfcon show`` and ``pfcon logs``: one job, and its log."""

from argparse import Namespace
from typing import Any

from pfcon.client.connection import Connection
from pfcon.client.errors import Answered
from pfcon.client.feed import StreamedFeed
from pfcon.client.output import moment, print_json, put, put_log, say, status_text
from pfcon.units import human_bytes

_TIMES = ("created", "staged", "placed", "started", "finished")
_SIZES = ("bytes_in", "bytes_out")
_LABELS = {
    "image": "image",
    "image_digest": "digest",
    "owner": "owner",
    "cmd": "command",
    "created": "created",
    "staged": "inputs staged",
    "placed": "place found",
    "started": "started",
    "finished": "finished",
    "exit_code": "exit code",
    "reason": "reason",
    "node": "node",
    "max_memory_mib": "memory, MiB",
    "cpu_seconds": "CPU, seconds",
    "files_in": "input files",
    "bytes_in": "input size",
    "files_out": "output files",
    "bytes_out": "output size",
}


def show(connection: Connection, arguments: Namespace) -> int:
    """Print all that the service remembers of a jid, without the log."""
    found = connection.get(f"records/{arguments.jid}/")
    for record in found["records"]:
        if record["kind"] == "plugin":
            record["cmd"] = _command(connection, arguments.jid)
    if arguments.json:
        print_json(found)
        return 0
    for number, record in enumerate(found["records"]):
        if number:
            put("")
        _print(record)
    return 0


def _command(connection: Connection, jid: str) -> str:
    """Return the command of a plugin job; "" if the job is removed just now."""
    try:
        return str(connection.get(f"jobs/{jid}/")["compute"]["cmd"])
    except Answered as refusal:
        if refusal.status != 404:
            raise
        return ""


def _print(record: dict[str, Any]) -> None:
    kind = "" if record["kind"] == "plugin" else f" ({record['kind']} job)"
    put(f"{record['jid']}{kind}: {status_text(record['status'], record['message'])}")
    for key, label in _LABELS.items():
        value = record.get(key)
        if value in (None, ""):
            continue
        shown = moment(value) + " UTC" if key in _TIMES else human_bytes(value) if key in _SIZES else str(value)
        put(f"  {label:14} {shown}")


def logs(connection: Connection, arguments: Namespace) -> int:
    """Print the end of a job's log; with ``-f`` also what comes, until the job ends."""
    if not arguments.follow:
        text = connection.get(f"jobs/{arguments.jid}/")["compute"]["logs"]
        for line in text.removesuffix("\n").split("\n") if text else ():
            print_log_line(line, json=arguments.json)
        return 0
    compute: dict[str, Any] = {}
    for news in StreamedFeed(connection, arguments.jid):
        for line in news.lines:
            print_log_line(line, json=arguments.json)
        compute = news.compute or compute
    if arguments.json:
        print_json({key: compute[key] for key in ("jid", "status", "message", "reason", "exit_code")})
    else:
        say(f"job {arguments.jid}: {status_text(compute['status'], compute['message'])}")
    return 0


def print_log_line(line: str, *, json: bool) -> None:
    """Print a line of a log on standard output, as text or as ``{"line": ...}``."""
    if json:
        print_json({"line": line})
    else:
        put_log(line)
