"""The journal: what pfcon remembers of every job."""

from pfcon.records.journal import Claimed, Journal, Phase, Record

__all__ = ["Claimed", "Journal", "Phase", "Record"]
