"""What went wrong, counted."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """What can go wrong with a job."""

    LOST = "lost"  # accepted, and unknown later; or its outputs are not what it wrote
    DOUBLED = "doubled"  # it ran again
    STUCK = "stuck"  # no end, or something of it stays
    WRONG = "wrong"  # a status that is not true, or an answer that no client expects


@dataclass
class Tally:
    """Counts and words of all rounds. Safe for many threads."""

    rounds: int = 0
    jobs: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, verdict: Verdict, text: str) -> None:
        """Count something that went wrong, with words that help to find out why."""
        with self._lock:
            self.verdicts[verdict] += 1
            self.findings.append(f"{verdict}: {text}")

    def leave(self, names: set[str]) -> None:
        """Count what a round has left behind, once."""
        self.left |= names
        self.find(Verdict.STUCK, f"left: {', '.join(sorted(names))}")

    @property
    def is_clean(self) -> bool:
        """Whether nothing went wrong."""
        return not self.findings

    def lines(self) -> Iterable[str]:
        """A Markdown table, and what struck."""
        names = ["rounds", "faults", "jobs", *(verdict.value for verdict in Verdict)]
        counts = [self.rounds, self.faults.total(), self.jobs, *(self.verdicts[verdict] for verdict in Verdict)]
        yield f"| {' | '.join(names)} |"
        yield f"|{'---|' * len(names)}"
        yield f"| {' | '.join(map(str, counts))} |"
        yield ""
        yield "faults: " + ", ".join(f"{count} × {name}" for name, count in sorted(self.faults.items()))
