"""What the fake Cromwell server knows of one workflow."""

import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .cromwell_backend import TaskRun

TERMINAL = ("Succeeded", "Failed", "Aborted")


def now() -> str:
    """ISO 8601 with milliseconds, as Cromwell writes times."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Workflow:
    """One workflow. ``accepted``: when it was submitted, on the monotonic clock. ``call``: its call's metadata."""

    source: str
    labels: dict[str, str]
    options: dict[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "Submitted"
    submission: str = field(default_factory=now)
    accepted: float = field(default_factory=time.monotonic)
    start: str = ""
    end: str = ""
    name: str = ""
    task: str = ""
    call: dict[str, Any] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    run: TaskRun | None = None
    aborting: threading.Event = field(default_factory=threading.Event)

    def fail(self, message: str, cause: str) -> None:
        """Note why it fails, in the nested form of Cromwell's metadata."""
        self.failures = [{"message": message, "causedBy": [{"message": cause, "causedBy": []}]}]
