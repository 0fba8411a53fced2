"""Finds out why a job can't start, from events of the cluster: the objects themselves do not always say it.

Listing events needs a right that is optional (``events: list``). Without it, the objects' own words are shown.
"""

import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from pfcon.compute.kubernetes import state
from pfcon.compute.kubernetes.pods import Stage
from pfcon.compute.kubernetes.spec import container_of
from pfcon.compute.kubernetes.stuck_timer import StuckTimer
from pfcon.compute.kubernetes.views import View, at
from pfcon.compute.registries import image_failure
from pfcon.compute.unreadable import reading
from pfcon.compute.words import plain
from pfcon.errors import PfconError, Refused
from pfcon.models import JobInfo, JobStatus
from pfcon.reasons import SUCCESS, Reason, Why, explain

if TYPE_CHECKING:  # the official client takes half a second to import
    from pfcon.compute.kubernetes.client import KubernetesCalls

_log = logging.getLogger(__name__)

ASK_AGAIN = 10.0  # seconds until the events of a job are listed again
WITHOUT_RIGHT = 600.0  # seconds until they are, after the server has refused that
_MAX_JOBS = 10_000
_QUOTA = re.compile(r"exceeded quota: (.+)")
_PULL = re.compile(r"Failed to pull image \"[^\"]*\": (.+)")
_NOT_CREATED = re.compile(r"Error creating: (?:pods \"[^\"]*\" is forbidden: )?(.+)")


class Obstacles:
    """Thread-safe. calls: returns the connection of this process."""

    def __init__(self, calls: "Callable[[], KubernetesCalls]", patience: StuckTimer) -> None:
        self._calls = calls
        self._patience = patience
        self._lock = Lock()
        self._found: OrderedDict[str, tuple[float, Why]] = OrderedDict()  # by uid of the Job or pod: until when
        self._without_right_until = 0.0

    def info(self, view: View) -> JobInfo:
        """Return the state of a job; for one that can't start, with the best reason that is known."""
        now = datetime.now(UTC)
        info = state.job_info(view, now)
        if info.status is not JobStatus.NOT_STARTED:
            return info
        why = SUCCESS
        if stuck := state.stuck(view):
            why = self._patience.best(view.uid, stuck)
            if why.reason is Reason.IMAGE_FAILED and not why.detail:  # a kubelet that waits before it tries again
                why = self._by_events(at(view, Stage.STUCK)[0].uid, view) or why
                self._patience.improve(view.uid, why)
        elif state.is_late_without_pod(view.job, now) and not view.pods:
            why = self._by_events(view.uid, view)
        return info.because(why) if why else info

    def _by_events(self, uid: str, view: View) -> Why:
        """Return what the events of an object say; empty if nothing, or if they can't be listed."""
        now = time.monotonic()
        with self._lock:
            until, known = self._found.get(uid, (0.0, SUCCESS))
            if now < until or now < self._without_right_until:
                return known
            self._found[uid] = (now + ASK_AGAIN, known)
            while len(self._found) > _MAX_JOBS:
                self._found.popitem(last=False)
        try:
            events = self._calls().events_of(uid)
        except Refused:
            self._without_right_until = now + WITHOUT_RIGHT
            return known
        except PfconError as fault:
            _log.info("the events of %s can't be listed: %s", view.job["metadata"]["name"], fault)
            return known
        found = next(filter(None, map(_by_text, _texts(events, view))), known)
        with self._lock:
            self._found[uid] = (now + ASK_AGAIN, found)
        return found


def _texts(events: list[dict[str, Any]], view: View) -> Iterator[tuple[str, str]]:
    """Yield the image of the job and the text of each event, the newest first."""
    image = str(container_of(view.job).get("image") or "")

    def read() -> list[tuple[str, str]]:
        ordered = sorted(events, key=lambda event: str(event.get("lastTimestamp") or ""), reverse=True)
        return [(image, plain(str(event.get("message") or ""))) for event in ordered]

    yield from reading("the events of a job", read, lambda _: [])


def _by_text(found: tuple[str, str]) -> Why:
    """Return the reason that an event tells; empty for others."""
    image, text = found
    if quota := _QUOTA.search(text):
        return explain(Reason.QUOTA_EXCEEDED, cause=quota[1], detail=text)
    if pull := _PULL.search(text):
        return image_failure(image, pull[1])
    if refused := _NOT_CREATED.search(text):
        return explain(Reason.ENGINE_SETUP, cause=refused[1], detail=text)
    return SUCCESS
