"""How each job has run: by the marks that jobs leave, or by what the engine has seen."""

import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from support.engines import api_client, docker_url

from pfcon.compute.docker.spec import container_name
from pfcon.models import JobId, JobKind

KILLED = {"137", "143"}  # exit codes of what was ended from outside


@dataclass(frozen=True)
class Ran:
    """``ended``: how often by itself, rather than because pfcon took the job back. ``together``: twice at a time."""

    ended: int
    together: bool


class Runs(Protocol):
    """One object for all rounds."""

    def script(self, jid: str, body: str) -> str:
        """A shell script that runs ``body`` so that it is seen."""

    def of(self, jid: str) -> Ran:
        """How the plugin job of a jid has run until now."""

    def left(self) -> list[str]:
        """What the engine still has of jobs that were deleted."""

    def close(self) -> None:
        """Remove that, when the service has gone."""


class MarkedRuns:
    """Jobs that are processes of this machine: each run leaves a file with its process, out of the service's reach."""

    def __init__(self, marks: Path) -> None:
        self._marks = marks

    def script(self, jid: str, body: str) -> str:
        """See Runs."""
        mine = f'"{self._marks}/{jid}".$$'
        others = (
            f'for o in "{self._marks}/{jid}".*[0-9]; do if kill -0 "${{o##*.}}"; then echo >{mine}.together; fi; done'
        )
        return f"{{ {others}; echo >{mine}; }} 2>/dev/null; ({body}); c=$?; mv {mine} {mine}.ended; exit $c"

    def of(self, jid: str) -> Ran:
        """See Runs."""
        return Ran(len(list(self._marks.glob(f"{jid}.*.ended"))), any(self._marks.glob(f"{jid}.*.together")))

    def left(self) -> list[str]:
        """See Runs: what is left is below storeBase."""
        return []

    def close(self) -> None:
        """See Runs: such jobs are short."""


class SeenRuns:
    """Jobs in containers: Docker remembers the last events, which are read after each job."""

    def __init__(self) -> None:
        self._client: Any = api_client(docker_url())
        self._since = time.time() - 1
        self._events: dict[str, set[tuple[int, str, str]]] = defaultdict(set)  # (when, what, exit code) by container
        self._jids: set[str] = set()

    def script(self, jid: str, body: str) -> str:
        """See Runs."""
        self._jids.add(jid)
        return body

    def of(self, jid: str) -> Ran:
        """See Runs."""
        self._read()
        ended = running = 0
        together = False
        for _, what, code in sorted(self._events[_container(jid)]):
            running += 1 if what == "start" else -1
            together |= running > 1
            ended += what == "die" and code not in KILLED
        return Ran(ended, together)

    def _read(self) -> None:
        now, wanted = time.time(), {"type": "container", "event": ["start", "die"]}
        for event in self._client.events(since=self._since, until=now, filters=wanted, decode=True):
            about = event["Actor"]["Attributes"]
            self._events[about["name"]].add((event["timeNano"], event["Action"], about.get("exitCode", "")))
        self._since = now - 1  # for events that were late; a set has each of them once

    def left(self) -> list[str]:
        """See Runs."""
        names = {f"/{_container(jid)}" for jid in self._jids}
        return [name for found in self._client.containers(all=True) for name in found["Names"] if name in names]

    def close(self) -> None:
        """See Runs."""
        for name in self.left():
            self._client.remove_container(name.removeprefix("/"), force=True)
        self._client.close()


def _container(jid: str) -> str:
    return container_name(JobKind.PLUGIN.engine_name(JobId(jid)))
