"""Two services on one engine that both call a job the same: each answers for its own, and for nothing else."""

import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from support.two_services import PLUGIN, Pair, Service, two_services

from pfcon.compute.docker_api.job import SERVICE_LABEL
from pfcon.compute.kubernetes.spec import SERVICE_LABEL as KUBERNETES_LABEL
from pfcon.errors import Absent, Conflict, Foreign
from pfcon.models import JobId, JobStatus, Resources
from pfcon.paths import StoreBase

REAL = ("docker", "podman", "podman-rootless", "swarm", "kubernetes")
ONE_NAME = ["fake-kubernetes", *(pytest.param(name, marks=pytest.mark.engine(name)) for name in REAL)]
OWN_NAMES = [
    "process",
    pytest.param("cromwell", marks=pytest.mark.engine("cromwell")),
    pytest.param("slurm-cgroup-crun", marks=pytest.mark.engine("slurm")),
    pytest.param("slurm-plain-crun", marks=pytest.mark.engine("slurm")),
    pytest.param("htcondor-crun", marks=pytest.mark.engine("htcondor")),
]


def new_jid() -> JobId:
    return JobId(f"pfcon-test-{uuid.uuid4().hex[:12]}")


def is_refused(pair: Pair, ask: Callable[[], object]) -> bool:
    """Whether B answers 409 and says whose the job is."""
    with pytest.raises((Foreign, Conflict)) as refused:
        ask()
    assert refused.value.status == 409
    told = str(refused.value)
    assert f"another pfcon service ({pair.a.id}) has a job named" in told
    assert "this is A" not in told
    assert "sleep" not in told
    return True


def touches_nothing(pair: Pair, jid: JobId) -> None:
    """B is asked for all that there is."""
    assert is_refused(pair, lambda: pair.b.look(jid))
    assert is_refused(pair, lambda: pair.b.delete(jid))
    assert is_refused(pair, lambda: pair.b.jobs.remove(jid, PLUGIN, with_data=False))
    assert is_refused(pair, lambda: pair.b.post(jid))
    assert pair.b.context.journal.get(jid, PLUGIN) is None


def kept_data(service: Service, jid: JobId) -> Path:
    """A file among the service's data of the jid."""
    job = service.context.storebase.job(jid)
    job.make()
    path = job.path / "kept"
    path.write_text("mine")
    return path


@pytest.mark.parametrize("engine", ONE_NAME)
def test_a_job_of_another_service_is_refused_and_never_shown_nor_touched(
    engine: str, storebase: StoreBase, tmp_path: Path
) -> None:
    jid = new_jid()
    with two_services(engine, storebase, tmp_path, jid) as pair:
        a, b = pair.a, pair.b
        a.post(jid)
        assert a.runs(jid)
        labels = pair.compute.labels_of(jid)
        assert a.id in (labels.get(SERVICE_LABEL), labels.get(KUBERNETES_LABEL))
        data = kept_data(b, jid)
        touches_nothing(pair, jid)
        assert is_refused(pair, lambda: b.jobs.submit_delete(jid, Resources()))
        assert data.exists()
        assert a.runs(jid)
        a.end(jid)
        touches_nothing(pair, jid)
        assert data.exists()
        assert a.has_ended_well(jid)
        a.delete(jid)

        b.post(jid)
        assert b.runs(jid)
        for ask in (lambda: a.look(jid), lambda: a.jobs.remove(jid, PLUGIN, with_data=pair.apart)):
            with pytest.raises(Absent) as gone:
                ask()
            assert gone.value.status == 404  # it was A's own, and is gone
        b.end(jid)
        b.delete(jid)


@pytest.mark.parametrize("engine", ONE_NAME)
def test_a_job_that_another_service_has_taken_the_name_of_is_gone_and_its_record_can_be_deleted(
    engine: str, storebase: StoreBase, tmp_path: Path
) -> None:
    jid = new_jid()
    with two_services(engine, storebase, tmp_path, jid) as pair:
        a, b = pair.a, pair.b
        a.post(jid)
        assert a.runs(jid)
        pair.compute.engine.remove(jid)  # as somebody on the engine may
        if not pair.apart:
            shutil.rmtree(a.context.storebase.job(jid).path)
        b.post(jid)
        assert b.runs(jid)
        info, log = a.look(jid)
        assert "this is B" not in log + info.message + info.cmd
        assert info.status in (JobStatus.STARTED, JobStatus.FAILED)  # for some seconds it is not sure
        a.jobs.remove(jid, PLUGIN, with_data=pair.apart)
        assert b.runs(jid)
        b.end(jid)
        b.delete(jid)


@pytest.mark.parametrize("engine", OWN_NAMES)
def test_where_names_are_of_a_storebase_both_jobs_run_side_by_side(
    engine: str, storebase: StoreBase, tmp_path: Path
) -> None:
    jid = new_jid()
    with two_services(engine, storebase, tmp_path, jid) as pair:
        a, b = pair.a, pair.b
        a.post(jid)
        assert a.runs(jid)
        with pytest.raises(Absent) as absent:
            b.look(jid)
        assert not isinstance(absent.value, Foreign)
        b.post(jid)
        assert b.runs(jid)
        assert a.runs(jid)
        b.delete(jid)
        assert a.runs(jid)
        a.end(jid)
        a.delete(jid)


def test_an_id_is_shown_and_decides_nothing(storebase: StoreBase, tmp_path: Path) -> None:
    jid = new_jid()
    with two_services("process", storebase, tmp_path, jid) as pair:
        pair.a.post(jid)
        kept = storebase.private / "process" / jid / "spec.json"
        spec = json.loads(kept.read_text())
        assert spec["service"] == pair.a.id
        record = pair.a.context.journal.get(jid, PLUGIN)
        assert record is not None
        pair.a.context.journal.delete(record)
        kept.write_text(json.dumps({**spec, "request": "a.forged"}))
        with pytest.raises(Foreign) as own:
            pair.a.look(jid)
        assert "another pfcon service has" in str(own.value)  # its own id is not that of another one
        kept.write_text(json.dumps({**spec, "request": "a.forged", "service": "x" * 500 + "\n<b>"}))
        with pytest.raises(Foreign) as forged:
            pair.a.look(jid)
        assert str(forged.value) == str(own.value)
