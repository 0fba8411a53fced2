"""The webhook: reports the end of each job to a URL, at least once, those of a jid in order.

Any response but 2xx, and none, is a failure, and the event is sent again until it is accepted. An endpoint that refuses
one event for good must not hold back the others, and one that is down must not be asked all the time. So

- an event that fails waits longer each time, and later ones of its jid wait for it, but no others;
- only failures of different events in a row, which the server is likely to be the cause of, let all events wait, longer
  each time; one event alone, however often it fails, never does for more than FIRST_PAUSE;
- new events come first, and get their first attempt as soon as nothing lets all wait.
"""

import logging
import time

from pfcon.errors import PfconError
from pfcon.events.sender import NotAccepted, Sender
from pfcon.records.outbox import LONGEST_PAUSE, Delivery, Outbox
from pfcon.service_log import about

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0  # seconds between attempts; each pause is twice as long as the one before, up to LONGEST_PAUSE
AT_A_TIME = 100  # events that one call delivers
REFUSALS = 10  # events that the endpoint refuses in one call: so many a second are the most


class Webhook:
    """Delivers what is in the outbox, if this process owns it. Not thread-safe: one thread calls it."""

    def __init__(self, url: str, secret: str, outbox: Outbox) -> None:
        self._url = url
        self._secret = secret
        self._outbox = outbox
        self._failed_in_a_row: set[int] = set()  # events that failed because the endpoint is down
        self._refusals = 0  # in the present call
        self._resume_at = 0.0  # moment of time.monotonic()
        self._has_warned = False  # that the endpoint does not accept an event

    def start(self) -> None:
        """Record that there is a webhook. Raises Unreachable, StorageFull."""
        self._outbox.create()

    def run_once(self) -> None:
        """Deliver what is due, at most about AT_A_TIME events. Raises Unreachable, StorageFull: of the records."""
        if time.monotonic() < self._resume_at or not self._outbox.acquire():
            return
        self._refusals = 0
        with Sender(self._url, self._secret) as sender:
            for _ in range(AT_A_TIME // 2):
                new = self._outbox.next_new()
                if new is not None and not self._attempt(sender, new):
                    return
                retry = self._outbox.next_retry(time.time())
                if retry is not None and not self._attempt(sender, retry):
                    return
                if new is None and retry is None:
                    return

    def _attempt(self, sender: Sender, delivery: Delivery) -> bool:
        """Try to deliver an event. Returns whether another one can be tried now."""
        try:
            sender.send(delivery.event)
        except NotAccepted as failure:
            self._log_failure(delivery, failure)
            kept = self._outbox.postpone(delivery, time.time() + _pause(delivery.attempts))
            if failure.is_down:
                self._failed_in_a_row.add(delivery.event.id)
                self._resume_at = time.monotonic() + _pause(len(self._failed_in_a_row) - 1)
                return False
            self._failed_in_a_row.clear()
            self._refusals += 1
            return kept and self._refusals < REFUSALS
        self._failed_in_a_row.clear()
        kept = self._outbox.delivered(delivery)
        self._log_recovery()
        return kept

    def _log_failure(self, delivery: Delivery, failure: NotAccepted) -> None:
        if not self._has_warned:
            event = delivery.event
            log.warning(
                "PFCON_WEBHOOK_URL does not accept event %s of job %s (%s): %s; it will be sent again",
                *(event.id, event.jid, event.kind, failure),
                extra=about(jid=event.jid, kind=event.kind.value),
            )
        self._has_warned = True

    def _log_recovery(self) -> None:
        if not self._has_warned:
            return
        try:
            self._has_warned = self._outbox.waiting() > 0
        except PfconError:
            return  # the next delivery asks again
        if not self._has_warned:
            log.warning("PFCON_WEBHOOK_URL has accepted all events that had to be sent again")


def _pause(failures: int) -> float:
    """Return the seconds until the next attempt after the first failure (0), the second (1) and so on."""
    return min(FIRST_PAUSE * 2.0 ** min(failures, 20), LONGEST_PAUSE)
