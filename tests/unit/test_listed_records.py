"""What JobService adds to the lists of the records."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.job_context import make_context

from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import Absent, StorageFull, Unreachable
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.models import JobId, JobKind
from pfcon.paths import StoreBase
from pfcon.records import Claimed, Journal, Listing, Phase, Query, Record
from pfcon.records.database import connect

ALL = Query(10)


class FullJournal(Journal):
    """One that has no space for the end of a removal."""

    def move(self, record: Record, phase: Phase, **values: Any) -> bool:
        if phase is Phase.REMOVED:
            raise StorageFull("the database of pfcon's records is full")
        return super().move(record, phase, **values)

    def delete(self, record: Record) -> None:
        raise StorageFull("the database of pfcon's records is full")


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path) -> JobContext:
    context = make_context(storebase, tmp_path, ProcessEngine(storebase))
    return replace(context, journal=FullJournal(lambda: connect(None, tmp_path)))


def test_a_job_whose_removal_can_not_be_recorded_yet_is_not_listed(context: JobContext) -> None:
    service = JobService(context)
    service.start()
    for jid in ("removed", "kept"):
        found = context.journal.claim(JobId(jid), JobKind.PLUGIN, "r")
        assert isinstance(found, Claimed)
        context.journal.move(found.record, Phase.FINAL)
    assert [entry.jid for entry in service.records(ALL).entries] == ["kept", "removed"]
    service.remove(JobId("removed"), JobKind.PLUGIN, with_data=True)
    assert [entry.jid for entry in Listing(context.journal.database).page(ALL).entries] == ["kept", "removed"]
    assert [entry.jid for entry in service.records(ALL).entries] == ["kept"]
    with pytest.raises(Absent):
        service.records_of(JobId("removed"))
    (entry,) = service.records_of(JobId("kept"))
    assert entry.kind is JobKind.PLUGIN


def test_records_that_do_not_answer_are_unreachable(context: JobContext) -> None:
    def connect_in_vain() -> Any:
        raise Unreachable("the database of pfcon's records does not answer")

    service = JobService(replace(context, journal=Journal(connect_in_vain)))
    with pytest.raises(Unreachable):
        service.records(ALL)
    with pytest.raises(Unreachable):
        service.records_of(JobId("x"))
