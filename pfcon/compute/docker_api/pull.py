"""Fetching an image: translates a Docker API's events to texts of progress, and its failures to messages."""

import contextlib
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pfcon.background import Ticker
from pfcon.compute.registries import refusal
from pfcon.compute.stopping import Stop
from pfcon.errors import Refused

if TYPE_CHECKING:  # the SDK takes 0.2 s to import
    from pfcon.compute.docker_api.client import ApiCalls

_INTERVAL = 1.0  # seconds between two texts
SILENCE = 10.0  # seconds without an event, after which the text says so; engines report each part of a layer

# After "Download complete" Docker still unpacks; for Podman it is the last state.
_FETCHED = frozenset({"Download complete", "Extracting", "Pull complete", "Already exists"})
_WAITING = frozenset({"Pulling fs layer", "Waiting", "Downloading", "Verifying Checksum", "Retrying"})


class Progress:
    """Follows the events of one pull and reports how many layers are fetched, at most once a second. Thread-safe."""

    def __init__(self, image: str, report: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._image = image
        self._report = report
        self._clock = clock
        self._layers: dict[str, bool] = {}
        self._next = self._heard = clock()
        self._heard_at = datetime.now(UTC)
        self._last = ""
        self._lock = threading.Lock()

    def take(self, event: dict[str, Any]) -> None:
        """Handle the next event. Raises Refused if it reports an error."""
        if error := event.get("error") or (event.get("errorDetail") or {}).get("message"):
            raise refusal(self._image, str(error))
        layer, status = event.get("id"), str(event.get("status", "")).partition(" in ")[0]
        with self._lock:
            self._heard, self._heard_at = self._clock(), datetime.now(UTC)
            if layer and status in _FETCHED:
                self._layers[layer] = True
            elif layer and status in _WAITING:
                self._layers.setdefault(layer, False)
            if self._heard >= self._next:
                self._report_layers()

    def look(self) -> None:
        """Report since when no event has come, if that is long ago."""
        with self._lock:
            if self._clock() - self._heard >= SILENCE:
                self._report_layers(f"; no data since {self._heard_at:%H:%M:%S} UTC")

    def _report_layers(self, rest: str = "") -> None:
        text = f"fetching image {self._image}"
        if self._layers:
            text += f": {sum(self._layers.values())} of {len(self._layers)} layers"
        text += rest
        if text != self._last:
            self._report(text)
            self._last, self._next = text, self._clock() + _INTERVAL


def fetch(calls: "ApiCalls", image: str, report: Callable[[str], None], stop: Stop) -> None:
    """Make the engine fetch an image; see ComputeEngine.prepare. No time limit as long as it makes progress."""
    progress = Progress(image, report)
    watch = Ticker("pull", SILENCE / 2, progress.look)
    try:
        with contextlib.closing(calls.pull(image, stop)) as events:
            for event in events:
                progress.take(event)
    except Refused:
        if not calls.has_image(image):  # it may have been loaded or built since
            raise
    finally:
        watch.stop(wait=True)
