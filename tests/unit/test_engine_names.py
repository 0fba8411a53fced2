"""No two jobs have the same name on an engine, whatever their jids are."""

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pfcon.compute.docker.spec import container_name
from pfcon.compute.swarm.spec import service_name
from pfcon.errors import Refused
from pfcon.models import JID_MAX_LENGTH, JobId, JobKind, parse_engine_name

_WORDS = [
    "-copy",
    "-plugin",
    "-upload",
    "-delete",
    "a",
    "A",
    "z",
    "Z",
    "0",
    "-",
    "_",
    ".",
    "-559aead08264d579",
    "pfcon",
]


def _is_jid(text: str) -> bool:
    try:
        return JobId.parse(text) == text
    except Refused:
        return False


_ENDED_LIKE_NAMES = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=8).map("".join)
_ANY = st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=JID_MAX_LENGTH)
_LONG = st.sampled_from(_WORDS).map(lambda end: "x" * (JID_MAX_LENGTH - len(end)) + end)
JIDS = (_ENDED_LIKE_NAMES | _ANY | _LONG).filter(_is_jid).map(JobId)
JOBS = st.tuples(JIDS, st.sampled_from(JobKind))


@pytest.mark.parametrize("jid", ["chris-jid-42", "z", "copy", "xcopy", "z-copy-1"])
def test_ordinary_jids_have_the_names_that_clients_know(jid: str) -> None:
    names = [kind.engine_name(JobId(jid)) for kind in JobKind]
    assert names == [jid, f"{jid}-copy", f"{jid}-upload", f"{jid}-delete"]


@pytest.mark.parametrize("end", ["copy", "upload", "delete", "plugin"])
def test_a_plugin_whose_jid_ends_like_another_kind_s_name_has_its_own_kind_in_it(end: str) -> None:
    assert JobKind.PLUGIN.engine_name(JobId(f"z-{end}")) == f"z-{end}-plugin"


@given(JOBS)
@example((JobId("z-copy"), JobKind.PLUGIN))
@example((JobId("z-plugin"), JobKind.PLUGIN))
@example((JobId("z-plugin"), JobKind.COPY))
def test_a_name_tells_jid_and_kind(job: tuple[JobId, JobKind]) -> None:
    jid, kind = job
    assert parse_engine_name(kind.engine_name(jid)) == job


@pytest.mark.parametrize("name", ["", "-copy", "z-plugin", ".z", "a/b"])
def test_what_is_no_job_s_name_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        parse_engine_name(name)


@given(st.lists(JOBS, min_size=2, max_size=20, unique=True))
@example([(JobId("z-copy"), JobKind.PLUGIN), (JobId("z"), JobKind.COPY)])
@example([(JobId("A"), JobKind.PLUGIN), (JobId("a-559aead08264d579"), JobKind.PLUGIN)])
@example([(JobId("a"), JobKind.PLUGIN), (JobId("A"), JobKind.PLUGIN)])
@example([(JobId("a.b"), JobKind.PLUGIN), (JobId("a-b"), JobKind.PLUGIN)])
def test_no_engine_gives_two_jobs_one_name(jobs: list[tuple[JobId, JobKind]]) -> None:
    names = [kind.engine_name(jid) for jid, kind in jobs]
    assert len(set(names)) == len(jobs)  # Kubernetes takes them as they are, or refuses them; the rest are directories
    assert len({container_name(name) for name in names}) == len(jobs)
    services = [service_name(name) for name in names]
    assert len({service.lower() for service in services}) == len(jobs)
    assert all(re.fullmatch(r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?", service) for service in services)
