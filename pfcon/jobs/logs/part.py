"""A part of a job's log."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LogPart:
    """Some bytes of a log. Offsets count the bytes of the job's output from its beginning, also those that are gone.

    start: the offset of the first byte of ``data``; above the offset that was asked for if bytes were left out in
    between. end: the offset after the last byte that is known now; below ``start`` if that was asked for beyond it.
    complete: nothing follows ``data``: the job has ended, and all of its log was read.
    """

    start: int
    data: bytes
    end: int
    complete: bool
