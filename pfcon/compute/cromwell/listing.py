"""Lists jobs: the active ones with one query, all others by their claims in storeBase."""

from collections.abc import Callable
from pathlib import PurePosixPath

from pfcon.compute.cromwell.claims import Claims
from pfcon.compute.cromwell.client import CromwellCalls, Found
from pfcon.compute.cromwell.spec import CLAIM_LABEL, NAME_LABEL, REQUEST_LABEL, STORE_LABEL, store_id


class Lister:
    """Lists the jobs of one storeBase. root: its path on the compute nodes. Thread-safe.

    Every method raises what CromwellCalls raises, and OSError.
    """

    def __init__(self, claims: Claims, calls: Callable[[], CromwellCalls], root: PurePosixPath) -> None:
        self._claims = claims
        self._calls = calls
        self._labels = {STORE_LABEL: store_id(root)}

    def active_jobs(self) -> dict[str, str]:
        """Return the jobs that have not ended, by name, each with a text for its state."""
        texts: dict[str, list[str]] = {}
        for found in self._active():
            texts.setdefault(found.labels[NAME_LABEL], []).append(f"{found.id} {found.status}")
        return {name: "; ".join(sorted(parts)) for name, parts in texts.items()}

    def requests(self) -> dict[str, str]:
        """Return ``JobSpec.request`` of each job, by name; ``""`` if its claim can't be read.

        Active jobs are also found without a claim. Ended ones without a claim are found by name only, see ``Tracker``.
        """
        active = self._active()
        found = self._claims.requests()
        for one in active:
            name, token = one.labels[NAME_LABEL], one.labels.get(CLAIM_LABEL, "")
            if name not in found and token and not self._claims.is_removed(token):
                found[name] = one.labels.get(REQUEST_LABEL, "")
        return found

    def _active(self) -> list[Found]:
        return [found for found in self._calls().active(self._labels) if found.labels.get(NAME_LABEL)]
