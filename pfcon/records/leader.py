"""Elects one process of all that share the records: the leader, which watches all jobs.

The leader increases a number in its row, its beat, every second or so. Another process takes over when the leader has
certainly ended, or when the beat has not changed for TAKEOVER seconds by that process's own monotonic clock: the clocks
of two hosts are never compared. For a moment two processes may both believe that they lead, so what the leader does
must be harmless when it is done twice.

The row also counts the rounds in which the leader has compared the jobs of each kind with their engine, and names the
jobs whose records may be outdated nevertheless: all processes know by that how fresh the records are.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from pfcon.models import JobKind
from pfcon.records.faults import translating_errors
from pfcon.records.journal import Journal
from pfcon.records.lease import has_certainly_ended
from pfcon.records.schema import leader, services

TAKEOVER = 15.0  # seconds without a beat after which another process takes over
BEAT = 3.0  # seconds between two beats, if no round is completed

_ROW = 1
_SELECT = (
    select(leader, services.c.host, services.c.pid, services.c.started)
    .outerjoin(services, services.c.id == leader.c.holder)
    .where(leader.c.id == _ROW)
)
_UPDATE = update(leader).where(
    leader.c.id == _ROW, leader.c.holder == bindparam("of_holder"), leader.c.beat == bindparam("of_beat")
)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Round:
    """The latest round for a kind of jobs. outdated: the claims of jobs whose records may be outdated."""

    count: int
    outdated: frozenset[str] = frozenset()


NO_ROUND = Round(0)


class Leadership:
    """This process's part in the election. Thread-safe, except ``hold``, which one thread calls.

    takeover: seconds, see TAKEOVER.
    """

    def __init__(self, journal: Journal, *, takeover: float = TAKEOVER) -> None:
        self._journal = journal
        self._takeover = takeover
        self._lock = threading.Lock()
        self._completed: dict[JobKind, frozenset[str]] = {}  # rounds that are not in the row yet
        self._leads_until = 0.0  # monotonic seconds
        self._has_led = False  # at the last ``hold``; for the log
        self._seen: tuple[str, int] | None = None  # holder and beat
        self._seen_at = 0.0  # monotonic seconds: when they were last seen to change
        self.rounds: Mapping[JobKind, Round] = {}  # as the row had them at the last ``hold``

    @property
    def leads(self) -> bool:
        """Whether this process was the leader at the last ``hold``, which was not too long ago."""
        return time.monotonic() < self._leads_until

    @property
    def silence(self) -> float | None:
        """Seconds since a leader was last seen to be at work, by this process's own clock; None: never yet."""
        return None if self._seen is None else time.monotonic() - self._seen_at

    @property
    def takeover(self) -> float:
        """Seconds without a beat after which another process takes over."""
        return self._takeover

    def complete(self, kinds: Iterable[JobKind], outdated: Iterable[str]) -> None:
        """Count a round for these kinds of jobs; other processes know of it after the next ``hold``.

        outdated: the claims of jobs whose records may be outdated. No-op if this process is not the leader.
        """
        if self.leads:
            with self._lock:
                self._completed.update(dict.fromkeys(kinds, frozenset(outdated)))

    def hold(self, *, able: bool = True) -> None:
        """Remain or become the leader if possible, and read the row. To be called every second.

        able: whether this process can do the leader's work; if not, another one takes over. Raises Unreachable,
        StorageFull.
        """
        asked = time.monotonic()
        me = self._journal.owner_with_lease()
        with translating_errors(), self._journal.database.engine.connect() as connection:
            row = connection.execute(_SELECT).mappings().one_or_none()
        if row is None:
            self._insert(me)
            self._note(asked, leads=False)  # the next call reads the row
            return
        state = (str(row["holder"]), int(row["beat"]))
        if state != self._seen:
            self._seen, self._seen_at = state, asked
        self.rounds = _rounds_of(row["rounds"])
        if not able:
            leads = False
        elif row["holder"] == me:
            leads = self._renew(me, state)
        else:
            silent = asked - self._seen_at
            leads = (has_certainly_ended(row) or silent >= self._takeover) and self._write(me, state)
        self._note(asked, leads=leads)

    def resign(self) -> None:
        """Stop being the leader, because this process is about to exit. Its row says so when its lease ends."""
        self._leads_until = 0.0
        self._log_change(leads=False)

    def _note(self, asked: float, *, leads: bool) -> None:
        """Note whether this process leads since it asked.

        Another process may take over at TAKEOVER after the last beat; this one stops somewhat earlier.
        """
        self._leads_until = asked + self._takeover * 2 / 3 if leads else 0.0
        self._log_change(leads=leads)
        if not leads:
            with self._lock:
                self._completed = {}  # rounds of a former leader say nothing about the present

    def _log_change(self, *, leads: bool) -> None:
        changed, self._has_led = leads != self._has_led, leads
        if changed:
            log.info(
                "this process (pid %d on %s) %s the jobs of all services that share these records",
                *(os.getpid(), os.uname().nodename, "now watches" if leads else "no longer watches"),
            )

    def _renew(self, me: str, state: tuple[str, int]) -> bool:
        with self._lock:
            if not self._completed and time.monotonic() - self._seen_at < BEAT:
                return True
        return self._write(me, state)

    def _write(self, me: str, state: tuple[str, int]) -> bool:
        """Write a beat and the completed rounds. Returns False if another process has changed the row."""
        with self._lock:
            completed, self._completed = self._completed, {}
        done = {kind: Round(self.rounds.get(kind, NO_ROUND).count + 1, claims) for kind, claims in completed.items()}
        rounds = {**self.rounds, **done}
        values: dict[str, Any] = {"holder": me, "beat": state[1] + 1, "rounds": _text_of(rounds)}
        with translating_errors(), self._journal.database.engine.begin() as connection:
            written = connection.execute(_UPDATE, {**values, "of_holder": state[0], "of_beat": state[1]})
        if not written.rowcount:
            return False
        self.rounds, self._seen, self._seen_at = rounds, (me, state[1] + 1), time.monotonic()
        return True

    def _insert(self, me: str) -> None:
        with suppress(IntegrityError), translating_errors(), self._journal.database.engine.begin() as connection:
            connection.execute(insert(leader).values(id=_ROW, holder=me, beat=0, rounds="{}"))


def _text_of(rounds: Mapping[JobKind, Round]) -> str:
    return json.dumps({kind: [found.count, *sorted(found.outdated)] for kind, found in rounds.items()})


def _rounds_of(text: str) -> dict[JobKind, Round]:
    """Parse the column ``rounds``. Kinds of a newer release are left out; without any if it can't be read."""
    known = {kind.value for kind in JobKind}
    try:
        found = json.loads(text).items()
        return {JobKind(name): Round(int(one[0]), frozenset(one[1:])) for name, one in found if name in known}
    except (ValueError, AttributeError, LookupError, TypeError):
        return {}
