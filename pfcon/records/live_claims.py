"""The claims that this process works on at this moment.

A row names the process that owns a job. But the process may stay alive after its work on the job has ended early, for
example because the database was unreachable when the result was to be written. So each piece of work registers its
claim here before it writes it, and unregisters it at its end, with or without an error. A row that names this process,
and whose claim is not registered here, is abandoned.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class LiveClaims:
    """Counts the pieces of work on each claim; several may work on one claim at the same time. Thread-safe.

    It is not cleared by a fork: fork before the first piece of work begins.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works: Counter[str] = Counter()

    @contextmanager
    def on(self, *claims: str) -> Iterator[None]:
        """A context in which the claims are registered."""
        self.begin(*claims)
        try:
            yield
        finally:
            self.end(*claims)

    def begin(self, *claims: str) -> None:
        """Register the claims. The caller must call ``end`` later, also after an error."""
        with self._lock:
            self._works.update(claims)

    def end(self, *claims: str) -> None:
        """Unregister the claims."""
        with self._lock:
            self._works.subtract(claims)
            for claim in claims:
                if self._works[claim] <= 0:
                    del self._works[claim]

    def __contains__(self, claim: str) -> bool:
        with self._lock:
            return claim in self._works
