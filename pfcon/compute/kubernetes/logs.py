"""Builds a job's log from those of its pods, and limits how often the logs of active jobs are read."""

import itertools
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from pfcon.compute.kubernetes.log_lines import messages
from pfcon.compute.kubernetes.pods import Pod
from pfcon.compute.kubernetes.views import View
from pfcon.compute.log import clean_log
from pfcon.compute.log_copy import prefix_of
from pfcon.compute.timed_log import Message, TimedSource
from pfcon.errors import Absent, Refused

if TYPE_CHECKING:  # the official client takes half a second to import
    from pfcon.compute.kubernetes.client import KubernetesCalls

_log = logging.getLogger(__name__)

LOG_BYTES = 1024 * 1024  # of text; only the last part is returned
READS_PER_MINUTE = 20  # of active jobs' logs, by all processes together
BURST = 10  # reads that may be made at the same time
_MAX_PODS = 50  # pods whose logs are returned
_MAX_CHUNKS = 4096  # of a pod's log, about 256 MiB: lines may be of any length
_MAX_TEXTS = 512
_MAX_TEXT = 64 * 1024  # characters
_INSIDE = bytes(range(0x80, 0xC0))  # all bytes of a character in UTF-8 except its first one


class Tail:
    """Keeps the last bytes of a stream."""

    def __init__(self, limit: int = LOG_BYTES) -> None:
        self._limit = limit
        self._parts: deque[bytes] = deque()
        self._kept = 0
        self._cut = False

    def feed(self, chunks: Iterable[bytes]) -> None:
        """Add the next chunks, of any size."""
        for chunk in chunks:
            self._parts.append(chunk)
            self._kept += len(chunk)
            while self._kept - len(self._parts[0]) >= self._limit:
                self._kept -= len(self._parts.popleft())
                self._cut = True

    def text(self, tail_lines: int) -> str:
        """Return the last lines as clean text, at most the limit in bytes of UTF-8."""
        raw = b"".join(self._parts)
        if self._cut:
            raw = raw[-self._limit :].lstrip(_INSIDE)  # so that it begins with a complete character
        return last_part(clean_log(raw), tail_lines, self._limit)


def last_part(text: str, tail_lines: int, limit: int = LOG_BYTES) -> str:
    """Return the last lines of a text, and of these at most the last ``limit`` bytes of UTF-8."""
    if tail_lines <= 0:
        return ""
    lines = text.removesuffix("\n").rsplit("\n", tail_lines)  # not splitlines, which splits at other characters too
    raw = ("\n".join(lines[-tail_lines:]) + ("\n" if text.endswith("\n") else "")).encode()
    return raw[-limit:].decode("utf-8", "ignore")


def merge(texts: list[tuple[str, str]], tail_lines: int) -> str:
    """Return the logs of several pods as one text, each below its pod's name; of a single pod, only its log.

    All get the same share of the bytes, so that none is omitted.
    """
    if len(texts) == 1:
        return last_part(texts[0][1], tail_lines)
    share = LOG_BYTES // max(1, len(texts)) - 128
    parts = [f"==> {name} <==\n{last_part(text, tail_lines, share)}" for name, text in texts]
    return "".join(part if part.endswith("\n") else f"{part}\n" for part in parts)


def pods_with_log(view: View) -> list[Pod]:
    """Return the pods whose logs are returned to users."""
    return [pod for pod in view.pods if pod.started][:_MAX_PODS]


def read_log(calls: "KubernetesCalls", view: View, tail_lines: int) -> str:
    """Return the last lines of the log of a job. Raises what KubernetesCalls raises."""
    texts = [(pod.name, _read_pod(calls, pod, tail_lines)) for pod in pods_with_log(view)]
    return merge(texts, tail_lines) if texts else ""


def _read_pod(calls: "KubernetesCalls", pod: Pod, tail_lines: int) -> str:
    tail = Tail()
    try:
        with calls.pod_log(pod.name, tail_lines) as chunks:
            tail.feed(itertools.islice(chunks, _MAX_CHUNKS))
    except (Absent, Refused) as fault:  # deleted, not started, or its node has deleted the log
        _log.info("pod %s has no log: %s", pod.name, fault)
    return tail.text(tail_lines)


def log_sources(calls: "KubernetesCalls", view: View) -> list[TimedSource]:
    """Return the logs of a job's pods, of which each is read from a position in it."""
    workers = int(view.job["spec"].get("parallelism") or 1)
    return [
        TimedSource(
            pod.uid,
            partial(_read_since, calls, pod.name),
            prefix_of(number if pod.index is None else pod.index, workers),
            lines=True,
            ended=pod.finished_at is not None and not pod.running,
        )
        for number, pod in enumerate(pods_with_log(view))
    ]


def _read_since(calls: "KubernetesCalls", pod: str, second: int) -> Iterator[Message]:
    try:
        with calls.pod_log_since(pod, second) as chunks:
            yield from messages(chunks)
    except (Absent, Refused) as fault:  # as above
        _log.info("pod %s has no log: %s", pod, fault)


class LogCache:
    """Caches the last part of a job's log, for a limited number of jobs. Thread-safe."""

    def __init__(self) -> None:
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, uid: str) -> str:
        """Return the cached text of a job; ``""`` if there is none."""
        with self._lock:
            return self._texts.get(uid, "")

    def put(self, uid: str, text: str) -> None:
        """Cache a text."""
        with self._lock:
            self._texts[uid] = text[-_MAX_TEXT:]
            self._texts.move_to_end(uid)
            while len(self._texts) > _MAX_TEXTS:
                self._texts.popitem(last=False)
