"""The note of the records that are in use: other records, and those of a backup, are recognized in both databases."""

import time

import pytest

from pfcon.errors import Refused
from pfcon.models import JobId, JobKind
from pfcon.paths import StoreBase
from pfcon.records import Journal
from pfcon.records.database import connect
from pfcon.records.in_use import NAME, RecordsInUse
from pfcon.records.lazy import LazyDatabase
from pfcon.records.schema import event_counter


@pytest.fixture
def in_use(storebase: StoreBase, journal: Journal) -> RecordsInUse:
    return RecordsInUse(storebase, journal.database)


def test_the_first_records_have_known_all_jobs(in_use: RecordsInUse, journal: Journal) -> None:
    with pytest.raises(Refused, match="has not used these records yet"):
        in_use.require()
    in_use.update()
    assert in_use.require() == 0.0
    journal.claim(JobId("a"), JobKind.PLUGIN, "r")  # an event
    assert in_use.require() == 0.0
    in_use.update()
    assert in_use.require() == 0.0


def test_other_records_count_from_the_moment_of_the_change(
    in_use: RecordsInUse, storebase: StoreBase, caplog: pytest.LogCaptureFixture
) -> None:
    in_use.update()
    engine = connect(None, storebase.private_dir("elsewhere"))
    other = RecordsInUse(storebase, LazyDatabase(lambda: engine))
    with pytest.raises(Refused, match="of another database"):
        other.require()
    before = time.time()
    other.update()
    assert "the records are not those that were last used" in caplog.text
    since = other.require()
    assert since >= before
    other.update()
    assert other.require() == since
    with pytest.raises(Refused):
        in_use.require()
    in_use.update()
    assert in_use.require() >= before
    engine.dispose()


def test_a_backup_counts_from_the_moment_of_its_restoration(in_use: RecordsInUse, journal: Journal) -> None:
    journal.claim(JobId("a"), JobKind.PLUGIN, "r")
    in_use.update()
    with journal.database.engine.begin() as connection:  # as they were before that job
        connection.execute(event_counter.update().values(last=0))
    with pytest.raises(Refused, match="or of a backup"):
        in_use.require()
    before = time.time()
    in_use.update()
    assert in_use.require() >= before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": 1, "event": "x", "since": 0}'])
def test_a_damaged_note_counts_as_a_change(in_use: RecordsInUse, storebase: StoreBase, text: str) -> None:
    before = time.time()
    storebase.private.mkdir(exist_ok=True)
    (storebase.private / NAME).write_text(text)
    with pytest.raises(Refused):
        in_use.require()
    in_use.update()
    assert in_use.require() >= before
