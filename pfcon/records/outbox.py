"""What the webhook has delivered, and what it has to: final statuses, each at least once, those of a jid in order.

``handled`` is the number of the last event that was delivered, or that has a row in ``webhook_retries`` because it was
not accepted. Later events of the same jid get a row, too, and wait for it; those of other jids do not. One process
delivers at a time: the owner of the row. When it has died, another one takes over, and goes on after ``handled``.
"""

import time
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Connection,
    Update,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from pfcon.records.events import FINAL, Event, event_of
from pfcon.records.faults import translating_errors
from pfcon.records.journal import Journal
from pfcon.records.lease import owner_is_alive
from pfcon.records.schema import event_counter, events, services, webhook, webhook_retries

ROW = 1  # the id of the only row
LONGEST_PAUSE = 300.0  # seconds between two attempts of an event


@dataclass(frozen=True)
class Delivery:
    """An event that is to be delivered. attempts: how many have failed."""

    event: Event
    attempts: int


class Outbox:
    """Thread-safe. Methods raise Unreachable, or StorageFull when the database is full.

    since: seconds since the epoch; where no webhook was configured before, it gets the events after that moment.
    """

    def __init__(self, journal: Journal, since: float) -> None:
        self._journal = journal
        self._since = since

    def acquire(self) -> bool:
        """Become the process that delivers, unless another one that is alive does. Idempotent."""
        owner = self._journal.owner
        with translating_errors(), self._journal.database.engine.connect() as connection:
            row = connection.execute(_SELECT_OWNER).mappings().one_or_none()
        if row is None:
            self.create()
            return self.acquire()
        if row["owner"] == owner:
            return True
        if owner_is_alive(row):
            return False
        self._journal.renew_lease()  # an owner without a lease counts as dead
        return self._write(_TAKE.where(webhook.c.owner.is_not_distinct_from(row["owner"])), new_owner=owner)

    def create(self) -> None:
        """Create the row, from which on events are kept until they are delivered. Idempotent.

        To be called again well within the time for which events are kept: else they are deleted, delivered or not.
        """
        before = select(func.max(events.c.id)).where(events.c.at < self._since).scalar_subquery()
        deleted = select(event_counter.c.deleted).scalar_subquery()
        now = time.time()
        first = select(literal(ROW), func.coalesce(before, deleted), literal(now))
        if self._write(_USE, now=now):
            return
        try:
            with translating_errors(), self._journal.database.engine.begin() as connection:
                connection.execute(insert(webhook).from_select(["id", "handled", "used_at"], first))
        except IntegrityError:
            return  # it is there

    def next_retry(self, now: float) -> Delivery | None:
        """Return the event whose next attempt is due for the longest time. now: seconds since the epoch.

        One that is further ahead than LONGEST_PAUSE is due, too: the clock was set back since.
        """
        with translating_errors(), self._journal.database.engine.connect() as connection:
            moments = {"now": now, "too_late": now + LONGEST_PAUSE}
            row = connection.execute(_NEXT_RETRY, moments).mappings().one_or_none()
        return Delivery(event_of(row), row["attempts"]) if row else None

    def next_new(self) -> Delivery | None:
        """Return the first event after ``handled`` that needs not wait for an earlier one of its jid.

        Those before it, which have to wait, get rows in ``webhook_retries``.
        """
        while True:
            with translating_errors(), self._journal.database.engine.connect() as connection:
                row = connection.execute(_NEXT_NEW).mappings().one_or_none()
            if row is None:
                return None
            event = event_of(row)
            if not row["waits"]:
                return Delivery(event, 0)
            if not self.postpone(Delivery(event, -1), time.time()):
                return None

    def delivered(self, delivery: Delivery) -> bool:
        """Record that an event was delivered. Returns False if another process delivers now."""
        return self._record(delivery, None)

    def postpone(self, delivery: Delivery, next_at: float) -> bool:
        """Record a failed attempt, and when the next one is due. Returns False if another process delivers now."""
        return self._record(delivery, next_at)

    def waiting(self) -> int:
        """Return the number of events that wait for another attempt."""
        with translating_errors(), self._journal.database.engine.connect() as connection:
            return int(connection.execute(_COUNT).scalar_one())

    def _record(self, delivery: Delivery, next_at: float | None) -> bool:
        event = delivery.event
        with translating_errors(), self._journal.database.engine.begin() as connection:
            if not connection.execute(_HANDLED, {"number": event.id, "of_owner": self._journal.owner}).rowcount:
                return False
            if next_at is None:
                connection.execute(_FORGET, {"of_event": event.id})
            else:
                _postpone(connection, delivery, next_at)
        return True

    def _write(self, statement: Update, **values: object) -> bool:
        with translating_errors(), self._journal.database.engine.begin() as connection:
            return bool(connection.execute(statement, values).rowcount)


def _postpone(connection: Connection, delivery: Delivery, next_at: float) -> None:
    values = {"attempts": delivery.attempts + 1, "next_at": next_at}
    if not connection.execute(_AGAIN, {**values, "of_event": delivery.event.id}).rowcount:
        row = {"event": delivery.event.id, "jid": delivery.event.jid}
        connection.execute(insert(webhook_retries), {**row, **values})


_SELECT_OWNER = select(
    webhook.c.owner, services.c.expires_at, services.c.host, services.c.pid, services.c.started
).outerjoin(services, services.c.id == webhook.c.owner)
_USE = update(webhook).where(webhook.c.id == ROW).values(used_at=bindparam("now"))
_TAKE = update(webhook).where(webhook.c.id == ROW).values(owner=bindparam("new_owner"))
_earlier = webhook_retries.alias("earlier")
_NEXT_RETRY = (
    select(events, webhook_retries.c.attempts)
    .join(webhook_retries, webhook_retries.c.event == events.c.id)
    .where(
        or_(webhook_retries.c.next_at <= bindparam("now"), webhook_retries.c.next_at > bindparam("too_late")),
        ~exists().where(_earlier.c.jid == webhook_retries.c.jid, _earlier.c.event < webhook_retries.c.event),
    )
    .order_by(webhook_retries.c.next_at, webhook_retries.c.event)
    .limit(1)
)
_WAITS = exists().where(webhook_retries.c.jid == events.c.jid)
_NEXT_NEW = (
    select(events, _WAITS.label("waits"))
    .where(events.c.id > select(webhook.c.handled).scalar_subquery(), events.c.status.in_(FINAL))
    .order_by(events.c.id)
    .limit(1)
)
_COUNT = select(func.count()).select_from(webhook_retries)
_NUMBER = bindparam("number", type_=BigInteger)
_HANDLED = (
    update(webhook)
    .where(webhook.c.id == ROW, webhook.c.owner == bindparam("of_owner"))
    .values(handled=case((webhook.c.handled < _NUMBER, _NUMBER), else_=webhook.c.handled))
)
_FORGET = delete(webhook_retries).where(webhook_retries.c.event == bindparam("of_event"))
_AGAIN = update(webhook_retries).where(webhook_retries.c.event == bindparam("of_event"))
