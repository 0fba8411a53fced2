"""Lists jobs with one request (Docker Engine API reference, ContainerList). Pure."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from pfcon.compute.docker.spec import JOB_LABEL, job_name
from pfcon.compute.docker.state import START_PATIENCE
from pfcon.compute.docker_api.job import JOB_TYPE_LABEL, REQUEST_LABEL
from pfcon.compute.unreadable import FAULTS, labels_of, unread

# The values of the filter ``status`` for containers that have not ended. Each engine refuses the words of the other;
# Podman, up to 5, has none for a container that is being stopped.
_ACTIVE = ("created", "running", "paused", "restarting")
_ACTIVE_ON_PODMAN = ("created", "initialized", "running", "paused")


def query(*, active: bool, podman: bool) -> dict[str, str | int]:
    """Return the query of a list of pfcon's containers. active: without those that have ended."""
    filters: dict[str, list[str]] = {"label": [JOB_TYPE_LABEL]}
    if active:
        filters["status"] = [*(_ACTIVE_ON_PODMAN if podman else _ACTIVE)]
    return {"all": 1, "filters": json.dumps(filters)}


def query_of_job(name: str) -> dict[str, str | int]:
    """Return the query of a list of the containers of one job that has several workers."""
    return {"all": 1, "filters": json.dumps({"label": [f"{JOB_LABEL}={name}"]})}


def active_jobs(listed: Iterable[Any], now: datetime) -> dict[str, str]:
    """Return the jobs that have not ended, by name, each with a text for the state of its containers. now: aware.

    A container that has not been started in START_PATIENCE is left out: it has failed.
    """
    texts: dict[str, list[str]] = {}
    for name, text in _by_job(listed, lambda found: _text(found, now)):
        if text:
            texts.setdefault(name, []).append(text)
    return {name: "; ".join(sorted(found)) for name, found in texts.items()}


def requests(listed: Iterable[Any]) -> dict[str, str]:
    """Return ``JobSpec.request`` of each job, by name."""
    return dict(_by_job(listed, lambda found: str(labels_of(found).get(REQUEST_LABEL, ""))))


def _text(found: dict[str, Any], now: datetime) -> str:
    # Not Status, which contains a growing age.
    state = str(found["State"])
    if state == "created" and now - datetime.fromtimestamp(int(found["Created"]), UTC) > START_PATIENCE:
        return ""
    return f"{found['Id']} {state}"


def _by_job(listed: Iterable[Any], read: Callable[[dict[str, Any]], str]) -> Iterator[tuple[str, str]]:
    """Yield name and value of each container; one that can't be read is left out, so that ``info`` is called for it."""
    for found in listed:
        try:
            yield _name(found), read(found)
        except FAULTS as fault:
            unread("a container in the container engine's list", fault)


def _name(found: dict[str, Any]) -> str:
    """Return the name of a container's job; the names of links have several slashes."""
    own = [name for listed in found["Names"] if "/" not in (name := listed.removeprefix("/"))]
    return job_name(own[0])
