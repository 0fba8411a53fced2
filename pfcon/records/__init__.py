"""The journal: the database records of all jobs."""

from pfcon.records.active_limits import NO_LIMITS, TooMany
from pfcon.records.changes import Change
from pfcon.records.journal import Journal
from pfcon.records.listing import Entry, Listing, Page, Position, Query
from pfcon.records.places import Held, Place
from pfcon.records.record import Blocked, Claimed, Phase, Record, new_claim, request_id, unsigned

__all__ = [
    "NO_LIMITS",
    "Blocked",
    "Change",
    "Claimed",
    "Entry",
    "Held",
    "Journal",
    "Listing",
    "Page",
    "Phase",
    "Place",
    "Position",
    "Query",
    "Record",
    "TooMany",
    "new_claim",
    "request_id",
    "unsigned",
]
