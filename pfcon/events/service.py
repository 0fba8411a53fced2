"""EventService: what the HTTP interface and the server's background thread do with events."""

import time

from pfcon.errors import PfconError
from pfcon.events.feed import Feed
from pfcon.events.webhook import Webhook
from pfcon.records import Journal
from pfcon.records.events import EventLog
from pfcon.records.outbox import Outbox
from pfcon.settings.service import WebhookSettings

INTERVAL = 1.0  # seconds between two calls of run_once
PAUSE = 5.0  # seconds without a call after the records did not answer
DELETION_INTERVAL = 600.0  # seconds between two deletions of old events


class EventService:
    """The events of one process. May be made before a fork. feed: for streams."""

    def __init__(self, journal: Journal, settings: WebhookSettings) -> None:
        self._events = EventLog(journal.database)
        self.feed = Feed(self._events)
        self._webhook: Webhook | None = None
        if settings.url is not None and settings.secret is not None:
            self._webhook = Webhook(settings.url, settings.secret, Outbox(journal, time.time()))
        self._delete_at = self._resume_at = 0.0  # moments of time.monotonic()

    def start(self) -> None:
        """Prepare this process to serve: from now on, what ends is delivered, also if this process is killed.

        Idempotent. Raises Unreachable, StorageFull.
        """
        if self._webhook is not None:
            self._webhook.start()

    def run_once(self) -> None:
        """Delete old events, and deliver what is due. To be called about once a second, in a thread of its own.

        A slow endpoint of the webhook delays only this. Raises Unreachable, StorageFull; then calls have no effect for
        some seconds.
        """
        if time.monotonic() < self._resume_at:
            return
        try:
            if time.monotonic() >= self._delete_at:
                self.start()  # what is not delivered yet is kept
                self._events.delete_old()
                self._delete_at = time.monotonic() + DELETION_INTERVAL
            if self._webhook is not None:
                self._webhook.run_once()
        except PfconError:
            self._resume_at = time.monotonic() + PAUSE
            raise
