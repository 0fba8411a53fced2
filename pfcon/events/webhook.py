"""The webhook: reports the end of each job to a URL, at least once, those of a jid in order.

Any response but 2xx, and none, is a failure, and the event is sent again until it is accepted. An endpoint that refuses
one event for good must not hold back the others, and one that is down must not be asked all the time. So an event that
fails waits longer each time, and several failures in a row, or one without a response, let all of them wait.
"""

import json
import logging
import time

import requests

from pfcon import __version__
from pfcon.errors import PfconError
from pfcon.events.form import event_json
from pfcon.events.signature import sign
from pfcon.network import explain
from pfcon.records.events import Event
from pfcon.records.outbox import Delivery, Outbox

log = logging.getLogger(__name__)

TIMEOUTS = (5.0, 10.0)  # seconds: to connect, and then to wait for the response
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  # seconds between attempts; each is twice as long as the one before
AT_A_TIME = 100  # events that one call delivers


class _Failed(Exception):
    """One attempt has failed. answered: whether there was a response."""

    def __init__(self, reason: str, *, answered: bool) -> None:
        super().__init__(reason)
        self.answered = answered


class Webhook:
    """Delivers what is in the outbox, if this process owns it. Not thread-safe: one thread calls it."""

    def __init__(self, url: str, secret: str, outbox: Outbox) -> None:
        self._url = url
        self._secret = secret
        self._outbox = outbox
        self._session: requests.Session | None = None  # made after the fork
        self._failures = 0  # in a row
        self._resume_at = 0.0  # moment of time.monotonic()
        self._failing = False  # whether the log has it

    def start(self) -> None:
        """Record that there is a webhook. Raises Unreachable, StorageFull."""
        self._outbox.create()

    def run_once(self) -> None:
        """Deliver what is due, at most about AT_A_TIME events. Raises Unreachable, StorageFull: of the records."""
        if time.monotonic() < self._resume_at or not self._outbox.acquire():
            return
        for _ in range(AT_A_TIME // 2):
            retry = self._outbox.next_retry(time.time())
            if retry is not None and not self._attempt(retry):
                return
            new = self._outbox.next_new()  # an endpoint that refuses some events gets others in between
            if new is not None and not self._attempt(new):
                return
            if retry is None and new is None:
                return

    def _attempt(self, delivery: Delivery) -> bool:
        """Try to deliver an event. Returns whether another one can be tried now."""
        try:
            self._send(delivery.event)
        except _Failed as failure:
            self._log_failure(delivery, failure)
            self._failures += 1
            kept = self._outbox.postpone(delivery, time.time() + _pause(delivery.attempts))
            if self._failures == 1 and failure.answered:
                return kept
            self._resume_at = time.monotonic() + _pause(self._failures - 1)
            return False
        kept = self._outbox.delivered(delivery)
        self._failures = 0
        self._log_recovery()
        return kept

    def _send(self, event: Event) -> None:
        body = json.dumps(event_json(event)).encode()
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"pfcon/{__version__}",
            "X-Pfcon-Event-Id": str(event.id),
            "X-Pfcon-Timestamp": timestamp,
            "X-Pfcon-Signature": sign(self._secret, timestamp, body),
        }
        self._session = self._session or requests.Session()
        try:
            response = self._session.post(
                self._url, data=body, headers=headers, timeout=TIMEOUTS, allow_redirects=False, stream=True
            )
        except requests.RequestException as fault:
            raise _Failed(explain(fault).reason, answered=False) from fault
        with response:  # its body is not read
            if not 200 <= response.status_code < 300:
                raise _Failed(f"status {response.status_code}", answered=True)

    def _log_failure(self, delivery: Delivery, failure: _Failed) -> None:
        if not self._failing:
            event = delivery.event
            log.warning(
                "PFCON_WEBHOOK_URL does not accept event %s of job %s (%s): %s; it will be sent again",
                *(event.id, event.jid, event.kind, failure),
            )
        self._failing = True

    def _log_recovery(self) -> None:
        if not self._failing:
            return
        try:
            self._failing = self._outbox.waiting() > 0
        except PfconError:
            return  # the next delivery asks again
        if not self._failing:
            log.warning("PFCON_WEBHOOK_URL has accepted all events that had to be sent again")


def _pause(failures: int) -> float:
    """Return the seconds until the next attempt after the first failure (0), the second (1) and so on."""
    return min(FIRST_PAUSE * 2.0 ** min(failures, 20), LONGEST_PAUSE)
