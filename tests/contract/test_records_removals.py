"""The records of a jid that is removed, in both databases: all begin their removal, or none."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from pfcon.models import JobId, JobKind
from pfcon.records import Claimed, Journal, Phase, Record
from pfcon.records.record import ROLLED_BACK
from pfcon.records.removals import removing

JID = JobId("j")
PLUGIN, COPY, UPLOAD, DELETE = JobKind.PLUGIN, JobKind.COPY, JobKind.UPLOAD, JobKind.DELETE


def read(journal: Journal, jid: JobId = JID) -> Mapping[JobKind, Record | None]:
    return {kind: journal.get(jid, kind) for kind in JobKind}


def claimed(
    journal: Journal, kind: JobKind, phase: Phase, jid: JobId = JID, cancel_request: str | None = None
) -> Record:
    found = journal.claim(jid, kind, "r", phase=phase.value, owner=None, cancel_request=cancel_request)
    assert isinstance(found, Claimed)
    return found.record


def test_every_kind_is_in_removal_and_the_plugin_s_record_alone_deletes_data(journal: Journal) -> None:
    copy = claimed(journal, COPY, Phase.FINAL, cancel_request=ROLLED_BACK)
    with removing(journal, JID, read(journal), with_data=True, since=5.0) as removals:
        assert [record.kind for record in removals] == [PLUGIN, COPY, UPLOAD, DELETE]
        assert {record.kind for record in removals if record.with_data} == {PLUGIN}
        assert {record.phase for record in removals} == {Phase.REMOVING}
        assert [record.is_placeholder for record in removals] == [True, False, True, True]
        assert removals[1].claim == copy.claim
        assert {record.kind: record for record in removals} == read(journal)
        assert all(record.owned for record in removals)
        assert journal.abandoned() == []
    assert {record.kind for record in journal.abandoned()} == set(JobKind)
    assert {record.finished_at.timestamp() for record in removals if record.is_placeholder and record.finished_at} == {
        5.0
    }


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in (Phase.FINAL, Phase.REMOVED)])
def test_nothing_changes_while_one_is_active(journal: Journal, phase: Phase) -> None:
    claimed(journal, PLUGIN, Phase.FINAL)
    claimed(journal, UPLOAD, phase)
    before = read(journal)
    with removing(journal, JID, before, with_data=True) as removals:
        assert removals == ()
    assert read(journal) == before


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("kind", list(JobKind))
def test_nothing_changes_if_one_was_posted_meanwhile(journal: Journal, kind: JobKind, phase: Phase) -> None:
    for other in JobKind:
        if other is not kind:
            claimed(journal, other, Phase.FINAL)
    seen = read(journal)
    claimed(journal, kind, phase)
    before = read(journal)
    with removing(journal, JID, seen, with_data=True) as removals:
        assert removals == ()
    assert read(journal) == before


def test_nothing_changes_if_a_removed_one_was_posted_again(journal: Journal) -> None:
    claimed(journal, PLUGIN, Phase.FINAL)
    claimed(journal, COPY, Phase.REMOVED)
    seen = read(journal)
    claimed(journal, COPY, Phase.SCHEDULED)
    with removing(journal, JID, seen, with_data=True) as removals:
        assert removals == ()
    assert {kind: record.phase for kind, record in read(journal).items() if record} == {
        PLUGIN: Phase.FINAL,
        COPY: Phase.SCHEDULED,
    }


def test_of_a_post_and_a_removal_at_the_same_time_one_wins(journal: Journal) -> None:
    def remove(jid: JobId) -> bool:
        with removing(journal, jid, dict.fromkeys(JobKind), with_data=True) as removals:
            return bool(removals)

    for number in range(20):
        jid, kind = JobId(f"j{number}"), list(JobKind)[number % 4]
        with ThreadPoolExecutor(2) as pool:
            removal = pool.submit(remove, jid)
            post = pool.submit(journal.claim, jid, kind, "r")
        assert removal.result() != isinstance(post.result(), Claimed)
