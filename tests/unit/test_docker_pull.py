"""Progress and failures of fetching an image."""

import json
from pathlib import Path
from typing import Any

import pytest

from pfcon.compute.docker_api.pull import Progress
from pfcon.compute.words import refusal
from pfcon.errors import Refused

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
        "pulling image img:1",
        "pulling image img:1: 0 of 1 layers",
        "pulling image img:1: 0 of 2 layers",
        "pulling image img:1: 1 of 3 layers",
        "pulling image img:1: 2 of 3 layers",
        "pulling image img:1: 3 of 3 layers",
    ]


def test_progress_is_reported_at_most_once_a_second() -> None:
    assert len(follow(EVENTS, seconds_each=0.01)) == 1


def test_podmans_error_in_the_stream_is_a_refusal_that_names_the_registry_as_the_fault() -> None:
    events = json.loads((DATA / "podman-errors.json").read_text())["pull events"]
    with pytest.raises(Refused, match=r"image img:1 can't be pulled: its registry can't be reached .*refused"):
        follow(events)


def test_dockers_refusal_is_told_in_the_same_words() -> None:
    text = json.loads((DATA / "docker-errors.json").read_text())["pull"]["text"]
    assert "can't be pulled: its registry can't be reached" in str(refusal("img:1", text))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("manifest for img:1 not found: manifest unknown: manifest unknown", "does not have it"),
        (
            "pull access denied for img, repository does not exist or may require 'docker login'",
            "denies access",
        ),
        ("toomanyrequests: You have reached your pull rate limit", "toomanyrequests"),
    ],
)
def test_the_registrys_reason_is_told(reason: str, words: str) -> None:
    fault = refusal("img:1", reason)
    assert words in str(fault)
    assert reason in str(fault)
