"""Records by a text in them, on SQLite and on a real PostgreSQL."""

from typing import Any

import pytest

from pfcon.models import JobId, JobKind
from pfcon.records import Claimed, Journal, Listing, Query


@pytest.mark.parametrize(
    ("text", "found"),
    [("job-1", "job-1"), ("JOB-1", "job-1"), ("Anna", "job-2"), ("c:2", "job-3"), ("50% of _it", "job-4"), ("\\", "")],
)
def test_a_text_is_looked_for_in_ids_owners_images_and_messages_as_it_is(
    journal: Journal, text: str, found: str
) -> None:
    texts: dict[str, dict[str, Any]] = {
        "job-1": {},
        "job-2": {"auid": "anna"},
        "job-3": {"image": "abc:2"},
        "job-4": {"message": "50% of _it"},
    }
    for jid, values in texts.items():
        assert isinstance(journal.claim(JobId(jid), JobKind.PLUGIN, "r", **values), Claimed)
    page = Listing(journal.database).page(Query(1000, text=text))
    assert [entry.jid for entry in page.entries] == ([found] if found else [])
