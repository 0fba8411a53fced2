"""``pfcon jobs``: the records of jobs, newest first."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from pfcon.client.connection import Connection
from pfcon.client.output import moment, print_json, put, say, table, widths_of

PAGE = 500
HEAD = ("JID", "STATUS", "CREATED", "FINISHED", "OWNER", "IMAGE", "MESSAGE")


def records(connection: Connection, most: int | None, **selection: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield pages of the records that a selection has, at most ``most`` records (None: all).

    selection: parameters of ``records/``; None: not given.
    """
    left, cursor = most, None
    chosen = {key: value for key, value in selection.items() if value is not None}
    while left is None or left > 0:
        number = PAGE if left is None else min(PAGE, left)
        page = connection.get("records/", **chosen, limit=number, **({"cursor": cursor} if cursor else {}))
        if page["records"]:
            yield page["records"]
        left = None if left is None else left - len(page["records"])
        cursor = page["next"]
        if not cursor:
            return


def jobs(connection: Connection, arguments: Namespace) -> int:
    """List the jobs that the arguments select."""
    selection = {name: getattr(arguments, name) for name in ("status", "kind", "owner", "image", "since", "until")}
    widths, found = None, False
    for page in records(connection, None if arguments.all else arguments.limit, **selection):
        found = True
        if arguments.json:
            for record in page:
                print_json(record)
            continue
        rows = [_row(record) for record in page]
        if widths is None:
            rows = [HEAD, *rows]
            widths = widths_of(rows)
        put(*table(rows, widths))
    if not found and not arguments.json:
        say("no jobs")
    return 0


def _row(record: dict[str, Any]) -> tuple[str, ...]:
    jid = record["jid"] if record["kind"] == "plugin" else f"{record['jid']} ({record['kind']})"
    times = (moment(record["created"]), moment(record["finished"]))
    return (jid, record["status"], *times, record["owner"], record["image"], record["message"].split("\n")[0])
