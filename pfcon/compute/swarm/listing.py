"""Lists jobs with one request (Docker Engine API reference, TaskList and ServiceList). Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from pfcon.compute.docker_api.phase import time_of
from pfcon.compute.swarm.spec import NAME_LABEL
from pfcon.compute.swarm.state import own_tasks, request_of, waits_for_node
from pfcon.compute.swarm.tasks import WANTED, has_ended, state_of
from pfcon.compute.unreadable import FAULTS, labels_of, unread

JOBS: Mapping[str, list[str]] = MappingProxyType({"label": [NAME_LABEL]})
"""The filters of a list of all jobs: of their tasks, or of their services."""

ACTIVE: Mapping[str, list[str]] = MappingProxyType({**JOBS, "desired-state": [*WANTED]})
"""The filters of a list of the tasks that are to run: a task that ends, or that Swarm stops, does not belong to it."""

_AGAIN = timedelta(minutes=1)  # until the text of a job that waits too long changes again: nodes may have changed


def active_jobs(tasks: Iterable[Any], now: datetime, pending_grace: timedelta) -> dict[str, str]:
    """Return the jobs of tasks, by name, each with a text for the states of its workers. now: aware.

    pending_grace: after that time, ``info`` may end a job that waits for a node.
    """
    by_job: dict[str, list[dict[str, Any]]] = {}
    for task in tasks:
        try:
            by_job.setdefault(str(task["Spec"]["ContainerSpec"]["Labels"][NAME_LABEL]), []).append(task)
        except FAULTS as fault:
            unread("a task in Swarm's list", fault)
    texts = {name: _text(own_tasks(found), now, pending_grace) for name, found in by_job.items()}
    return {name: text for name, text in texts.items() if text}


def requests(services: Iterable[Any]) -> dict[str, str]:
    """Return ``JobSpec.request`` of each job, by name."""
    specs = (service.get("Spec") for service in services if isinstance(service, dict))
    jobs = [spec for spec in specs if isinstance(spec, dict) and NAME_LABEL in labels_of(spec)]
    return {str(labels_of(spec)[NAME_LABEL]): request_of(spec) for spec in jobs}


def _text(workers: list[dict[str, Any]], now: datetime, pending_grace: timedelta) -> str:
    """Return the text for a job; ``""`` if no worker is active. An ended one is in the list for a moment only."""
    if all(has_ended(worker) for worker in workers):
        return ""
    parts = (f"{worker['ID']} {state_of(worker)} {worker['Status'].get('Err') or ''}" for worker in workers)
    return "; ".join([*parts, *_overdue(workers, now - pending_grace)])


def _overdue(workers: list[dict[str, Any]], before: datetime) -> list[str]:
    """Return a word that changes every minute for a job that was created ``before`` a time and waits for a node."""
    created = [time_of(worker.get("CreatedAt")) for worker in workers if waits_for_node(worker)]
    late = [before - found for found in created if found and found < before]
    return [f"late {max(late) // _AGAIN}"] if late else []
