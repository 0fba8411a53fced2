"""Progress and failures of fetching an image."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pfcon.compute.docker_api.pull import SILENCE, Progress
from pfcon.compute.registries import refusal
from pfcon.errors import Refused
from pfcon.reasons import Reason

DATA = Path(__file__).parents[1] / "data" / "docker"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def follow(events: list[dict[str, Any]], seconds_each: float = 1.0) -> list[str]:
    texts: list[str] = []
    clock = Clock()
    progress = Progress("img:1", texts.append, clock)
    for event in events:
        progress.take(event)
        clock.now += seconds_each
    return texts


def layer(number: int, status: str) -> dict[str, Any]:
    return {"id": f"layer{number}", "status": status, "progressDetail": {}}


EVENTS = [
    {"status": "Pulling from library/img", "id": "1"},
    layer(1, "Pulling fs layer"),
    layer(2, "Pulling fs layer"),
    layer(3, "Already exists"),
    layer(1, "Downloading"),
    layer(1, "Download complete"),
    layer(1, "Extracting"),
    layer(2, "Retrying in 5 seconds"),
    layer(1, "Pull complete"),
    layer(2, "Pull complete"),
    {"status": "Digest: sha256:0"},
]


def test_progress_counts_the_layers_that_are_there_and_never_falls_back() -> None:
    assert follow(EVENTS) == [
        "fetching image img:1",
        "fetching image img:1: 0 of 1 layers",
        "fetching image img:1: 0 of 2 layers",
        "fetching image img:1: 1 of 3 layers",
        "fetching image img:1: 2 of 3 layers",
        "fetching image img:1: 3 of 3 layers",
    ]


def test_progress_is_reported_at_most_once_a_second() -> None:
    assert len(follow(EVENTS, seconds_each=0.01)) == 1


def test_a_pull_from_which_nothing_comes_says_since_when() -> None:
    texts: list[str] = []
    clock = Clock()
    progress = Progress("img:1", texts.append, clock)
    progress.take(layer(1, "Downloading"))
    for _ in range(4):
        clock.now += SILENCE / 2
        progress.look()
    assert re.fullmatch(r"fetching image img:1: 0 of 1 layers; no data since \d\d:\d\d:\d\d UTC", texts.pop())
    progress.take(layer(1, "Downloading"))
    assert texts == ["fetching image img:1: 0 of 1 layers", "fetching image img:1: 0 of 1 layers"]


def test_podmans_error_in_the_stream_is_a_refusal_that_names_the_registry_as_the_fault() -> None:
    events = json.loads((DATA / "podman-errors.json").read_text())["pull events"]
    with pytest.raises(
        Refused, match=r"^image img:1 can't be fetched: its registry can't be reached, or answers with an error$"
    ) as caught:
        follow(events)
    assert caught.value.reason == Reason.REGISTRY_UNREACHABLE
    assert "connection refused" in caught.value.detail


def test_dockers_refusal_is_told_in_the_same_words() -> None:
    text = json.loads((DATA / "docker-errors.json").read_text())["pull"]["text"]
    fault = refusal("img:1", text)
    assert fault.reason == Reason.REGISTRY_UNREACHABLE
    assert str(fault) == "image img:1 can't be fetched: its registry can't be reached, or answers with an error"
    assert "connection refused" in fault.detail


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        (
            "manifest for img:1 not found: manifest unknown: manifest unknown",
            Reason.IMAGE_NOT_FOUND,
            "can't be fetched: its registry does not have it",
        ),
        (
            "pull access denied for img, repository does not exist or may require 'docker login'",
            Reason.IMAGE_REFUSED,
            "can't be fetched: its registry denies access, or does not have it",
        ),
        (
            "toomanyrequests: You have reached your pull rate limit",
            Reason.REGISTRY_LIMIT,
            "can't be fetched now: its registry limits the number of downloads",
        ),
        ("layers from a new age", Reason.IMAGE_FAILED, "can't be fetched: layers from a new age"),
    ],
)
def test_the_registrys_reason_is_told(text: str, reason: Reason, words: str) -> None:
    fault = refusal("img:1", text)
    assert (fault.reason, str(fault)) == (reason, f"image img:1 {words}")
    assert fault.detail == text
