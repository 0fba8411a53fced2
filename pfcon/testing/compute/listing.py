"""The compute contract: the lists of all jobs (``active_jobs``, ``jobs``)."""

import time
from collections.abc import Mapping

import pytest

from pfcon.errors import Absent, Unreachable
from pfcon.models import JobInfo, JobSpec, JobStatus, Resources
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import checks, eventually

STEADY = 3.0  # seconds in which the text of a job that runs does not change
WAITS = 'until [ -e "$1"/go ]; do sleep 0.1; done'


def active(compute: Harness) -> Mapping[str, str]:
    """Return the active jobs; skip the test if the engine does not list them."""
    compute.can.need("lists")
    found = compute.engine.active_jobs()
    assert found is not None, "an engine without lists needs Capabilities(lists=...)"
    return found


def requests(compute: Harness) -> Mapping[str, str]:
    """Return the requests of all jobs; skip the test if the engine does not list them."""
    compute.can.need("lists")
    found = compute.engine.jobs()
    assert found is not None, "an engine without lists needs Capabilities(lists=...)"
    return found


def is_steady(compute: Harness, name: str) -> bool:
    """Whether a job is active, and its text stays the same for some seconds."""
    before = active(compute).get(name)
    time.sleep(STEADY)
    return before is not None and active(compute).get(name) == before


def start_steady(compute: Harness, script: str = WAITS, **overrides: object) -> tuple[JobSpec, str]:
    """Start a job, and return it with its text, once that does not change any more: engines report a start late."""
    active(compute)
    spec = compute.shell(f'touch "$1"/begun; {script}', **overrides)
    compute.engine.schedule(spec)
    assert eventually((compute.outgoing(spec) / "begun").exists)
    assert eventually(lambda: is_steady(compute, spec.name))
    return spec, active(compute)[spec.name]


def is_gone(compute: Harness, name: str) -> bool:
    return eventually(lambda: name not in active(compute))


def test_a_job_that_runs_is_active_with_a_text_that_does_not_change(compute: Harness) -> None:
    spec, _ = start_steady(compute)
    assert compute.engine.info(spec.name).status is JobStatus.STARTED  # an engine may note something on the job then
    assert eventually(lambda: is_steady(compute, spec.name))
    text = active(compute)[spec.name]
    assert text
    time.sleep(3 * STEADY)
    assert active(compute)[spec.name] == text


def test_a_job_that_has_ended_is_not_active(compute: Harness) -> None:
    spec, _ = start_steady(compute)
    (compute.outgoing(spec) / "go").touch()
    assert is_gone(compute, spec.name)
    assert compute.wait(spec.name).status is JobStatus.SUCCEEDED
    assert spec.name not in active(compute)


def test_a_job_that_was_cancelled_is_not_active_once_it_has_ended(compute: Harness) -> None:
    spec, _ = start_steady(compute)
    compute.engine.cancel(spec.name)
    compute.wait(spec.name)
    assert is_gone(compute, spec.name)


def test_a_job_that_was_removed_is_not_listed(compute: Harness) -> None:
    spec, _ = start_steady(compute)
    assert spec.name in requests(compute)
    compute.engine.remove(spec.name)
    assert is_gone(compute, spec.name)
    assert eventually(lambda: spec.name not in requests(compute))


def test_the_request_of_a_job_is_listed_until_the_job_is_removed(compute: Harness) -> None:
    compute.can.need("lists")
    spec = compute.shell("exit 0", request="digest.claim")
    compute.engine.schedule(spec)
    assert eventually(lambda: requests(compute).get(spec.name) == "digest.claim")
    compute.wait(spec.name)
    assert requests(compute)[spec.name] == "digest.claim"
    compute.engine.remove(spec.name)
    assert eventually(lambda: spec.name not in requests(compute))


def test_one_answer_has_all_active_jobs_and_a_text_for_each(compute: Harness) -> None:
    active(compute)
    specs = [compute.shell(WAITS, request=f"digest.{number}") for number in range(5)]
    for spec in specs:
        compute.engine.schedule(spec)
    names = {spec.name for spec in specs}
    assert eventually(lambda: names <= active(compute).keys())
    assert eventually(lambda: names <= requests(compute).keys())
    assert [requests(compute)[spec.name] for spec in specs] == [spec.request for spec in specs]
    (compute.outgoing(specs[0]) / "go").touch()
    compute.wait(specs[0].name)
    assert is_gone(compute, specs[0].name)
    assert names - {specs[0].name} <= active(compute).keys()


def test_a_worker_that_fails_while_others_run_changes_the_text_of_its_job(compute: Harness) -> None:
    compute.can.need("workers")
    one_fails = f'mkdir "$1"/first && {{ {WAITS}; exit 3; }}; while :; do sleep 0.1; done'
    spec, text = start_steady(compute, one_fails, resources=Resources(workers=2))
    (compute.outgoing(spec) / "go").touch()
    assert eventually(lambda: active(compute).get(spec.name) != text)
    assert compute.wait(spec.name).status is JobStatus.FAILED
    assert is_gone(compute, spec.name)


def test_a_job_that_loses_its_supervisor_has_another_text_or_is_not_active(compute: Harness) -> None:
    compute.can.need("keeper")
    active(compute)
    spec = compute.start_lasting()
    assert eventually(lambda: is_steady(compute, spec.name))
    text = active(compute)[spec.name]
    compute.lose_keeper(spec)
    assert eventually(lambda: active(compute).get(spec.name) != text)
    assert compute.wait(spec.name).status is JobStatus.FAILED
    assert is_gone(compute, spec.name)


def test_who_calls_info_only_for_texts_that_change_learns_of_every_start_and_end(compute: Harness) -> None:
    active(compute)
    scripts = ("exit 0", "exit 3", "sleep 1", "sleep 2; exit 4", "kill -KILL $$")
    specs = [*(compute.shell(script) for script in scripts), compute.spec(["no-such-program-here"])]
    lasting = compute.shell("while :; do sleep 0.1; done")
    for spec in (lasting, *specs):
        compute.engine.schedule(spec)
    infos: dict[str, JobInfo] = {}
    texts = dict.fromkeys([spec.name for spec in (lasting, *specs)], "")
    for _ in checks():
        found = active(compute)
        for name, text in texts.items():
            if found.get(name, "") != text or name not in found:
                infos[name], texts[name] = compute.engine.info(name), found.get(name, "")
        if all(infos[spec.name].status.final for spec in specs) and has_started(compute, infos[lasting.name]):
            break
    assert [infos[spec.name].status for spec in specs] == [compute.wait(spec.name).status for spec in specs]
    assert infos[lasting.name] == compute.engine.info(lasting.name)
    assert has_started(compute, infos[lasting.name])
    assert lasting.name in active(compute)


def has_started(compute: Harness, info: JobInfo) -> bool:
    known = info.details.started_at or compute.can.lacks("started_at")
    return info.status is JobStatus.STARTED and bool(known)


def test_what_others_have_made_is_not_listed(compute: Harness) -> None:
    active(compute)
    name = compute.spec(["true"]).name
    with compute.make_foreign(name, forged=False):
        with pytest.raises(Absent):
            compute.engine.info(name)
        assert name not in active(compute)
        assert name not in requests(compute)


def test_the_lists_of_an_engine_that_does_not_answer_are_unreachable(compute: Harness) -> None:
    compute.can.need("lists")
    dead = compute.dead()
    with pytest.raises(Unreachable):
        dead.active_jobs()
    with pytest.raises(Unreachable):
        dead.jobs()


__all__ = [name for name in [*globals()] if name.startswith("test_")]
