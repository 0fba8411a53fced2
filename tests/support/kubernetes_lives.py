"""What a real API server has answered about jobs during their lives, and what pfcon says of that."""

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pfcon.compute.kubernetes.state import job_info
from pfcon.compute.kubernetes.views import NOTE_ANNOTATION, Note, view_of
from pfcon.models import JobInfo
from pfcon.reasons import Why

DATA = Path(__file__).parents[1] / "data" / "kubernetes"
LIVES: dict[str, list[dict[str, Any]]] = json.loads((DATA / "lives-1.20.json").read_text())
Sight = dict[str, Any]  # a Job and its pods at one time


def told(sight: Sight, age: float = 1) -> JobInfo:
    """age: seconds since the Job was made."""
    made = datetime.fromisoformat(sight["job"]["metadata"]["creationTimestamp"])
    return job_info(view_of(sight["job"], sight["pods"]), made.astimezone(UTC) + timedelta(seconds=age))


def changed(case: str, number: int) -> Sight:
    """A recorded sight that a test may change."""
    return copy.deepcopy(LIVES[case][number])


def ended_note(sight: Sight, why: Why, age: float) -> Sight:
    made = datetime.fromisoformat(sight["job"]["metadata"]["creationTimestamp"])
    note = Note(why, made + timedelta(seconds=age))
    sight["job"]["metadata"].setdefault("annotations", {})[NOTE_ANNOTATION] = note.annotation()
    return sight
