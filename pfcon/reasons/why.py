"""Why a job has failed or waits: a code, and the sentence for its user."""

from dataclasses import dataclass, replace
from string import Formatter

from pfcon.reasons.codes import Reason
from pfcon.reasons.sentences import EXPLANATIONS

_CODES = frozenset(Reason)
_fields = Formatter()


@dataclass(frozen=True)
class Why:
    """Why a job, or a worker of it, failed, or what it waits for.

    message: for users; ``""`` after success. interrupted: see JobInfo. reason: a code; ``""`` if there is none.
    detail: the words of the engine or the registry, for administrators: they are in the service's log only.
    """

    message: str = ""
    interrupted: bool = False
    reason: Reason | str = ""
    detail: str = ""

    def __bool__(self) -> bool:
        return bool(self.message)

    def of_worker(self, number: int, workers: int) -> "Why":
        """Return this reason as that of one of several workers. number: from 1."""
        if not self or workers < 2:
            return self
        return replace(self, message=f"worker {number} of {workers}: {self.message}")

    def note(self) -> str:
        """Return this as one line of text, for a note on an engine's job. See ``of_note``."""
        return f"{self.reason} {self.message}" if self.reason else self.message

    @classmethod
    def of_note(cls, note: str) -> "Why":
        """Return the reason that ``note`` has returned. A note of an earlier release is a message without a code."""
        code, _, message = note.partition(" ")
        if code in _CODES and message:
            return cls(message, reason=Reason(code))
        return cls(note, reason=_EARLIER.get(note.partition(" of ")[0], ""))


SUCCESS = Why()
CANCELLED = Why("cancelled", reason=Reason.CANCELLED)

_EARLIER = {"cancelled": Reason.CANCELLED, "stopped at its time limit": Reason.TIME_LIMIT}  # before there were codes


def explain(reason: Reason, *, interrupted: bool = False, detail: str = "", **values: str | int | None) -> Why:
    """Return a reason with its sentence: the first one of its ``Explanation`` whose fields are all known.

    values: the fields of the sentences; ``""`` and None count as unknown. Raises LookupError if no sentence fits.
    """
    known = {name: value for name, value in values.items() if value not in ("", None)}
    for sentence in EXPLANATIONS[reason].sentences:
        if fields_of(sentence) <= known.keys():
            return Why(sentence.format(**known), interrupted, reason, detail)
    raise LookupError(f"no sentence of {reason} has only the fields {sorted(known)}")


def fields_of(sentence: str) -> set[str]:
    """Return the names of a sentence's fields."""
    return {name for _, name, _, _ in _fields.parse(sentence) if name}
