"""``pfcon cancel`` and ``pfcon rm``. Several jobs at once: one that can't be ended does not keep the others."""

from argparse import Namespace
from collections.abc import Callable

from pfcon.client.connection import Connection
from pfcon.client.errors import Answered
from pfcon.client.output import print_json, put, say, status_text
from pfcon.models import JobKind


def cancel(connection: Connection, arguments: Namespace) -> int:
    """Cancel jobs: they end soon after, and their records, logs and outputs stay."""

    def act(jid: str) -> None:
        compute = connection.post(f"jobs/{jid}/cancel/")["compute"]
        if arguments.json:
            print_json(compute)
        else:
            put(f"{jid}: {status_text(compute['status'], compute['message'])}")

    return _for_each(arguments.jid, act)


def remove(connection: Connection, arguments: Namespace) -> int:
    """Stop jobs if they run, and remove them with their data and records, also their copy, upload and delete jobs."""

    def act(jid: str) -> None:
        remove_job(connection, jid)
        if arguments.json:
            print_json({"jid": jid, "removed": True})
        else:
            put(f"{jid}: removed")

    return _for_each(arguments.jid, act)


def remove_job(connection: Connection, jid: str) -> None:
    """Remove the jobs of all kinds of a jid, and its data. Raises Answered (404) if there is none."""
    others = _kinds(connection, jid) - {JobKind.PLUGIN.value}
    try:
        connection.delete(f"jobs/{jid}/")  # also without a job: data may be left of one
    except Answered as refusal:
        if refusal.status != 404 or not others:
            raise
    for kind in sorted(others):
        connection.delete(f"{kind}jobs/{jid}/")


def _kinds(connection: Connection, jid: str) -> set[str]:
    try:
        return {record["kind"] for record in connection.get(f"records/{jid}/")["records"]}
    except Answered as refusal:
        if refusal.status != 404:
            raise
        return set()


def _for_each(jids: list[str], act: Callable[[str], None]) -> int:
    status = 0
    for jid in dict.fromkeys(jids):
        try:
            act(jid)
        except Answered as refusal:
            say(f"{jid}: {refusal}")
            status = 1
    return status
