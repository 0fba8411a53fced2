"""Which claims this process works on at this moment.

A row says which process owns a job, and a process may live on after the work on a job has ended early: the database
was away when it was to write down how. So each piece of work says here what it works on, from before it writes its
claim until it ends, however it ends. A row that names this process, but whose claim is not here, is abandoned.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class LiveClaims:
    """A claim may be worked on by several at once: who begins work in the background hands it over to that.

    Safe across threads. Empty in a process that was forked before anybody began work.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works: Counter[str] = Counter()

    @contextmanager
    def on(self, *claims: str) -> Iterator[None]:
        """A piece of work on these claims."""
        self.begin(*claims)
        try:
            yield
        finally:
            self.end(*claims)

    def begin(self, *claims: str) -> None:
        """A piece of work begins; ``end`` is to follow, however that ends."""
        with self._lock:
            self._works.update(claims)

    def end(self, *claims: str) -> None:
        """It has ended."""
        with self._lock:
            self._works.subtract(claims)
            for claim in claims:
                if self._works[claim] <= 0:
                    del self._works[claim]

    def __contains__(self, claim: str) -> bool:
        with self._lock:
            return claim in self._works
