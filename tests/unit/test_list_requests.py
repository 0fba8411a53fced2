"""What a list of jobs costs an engine with a Docker API."""

from typing import Any

import pytest
from support.compute import make_harness

from pfcon.compute.docker_api.client import ApiCalls
from pfcon.paths import StoreBase

ENGINES = [pytest.param(name, marks=pytest.mark.engine(name)) for name in ("docker", "podman", "swarm")]


@pytest.mark.parametrize("name", ENGINES)
def test_a_list_takes_one_request_for_any_number_of_jobs(
    name: str, storebase: StoreBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    ask = ApiCalls.ask

    def counted(self: ApiCalls, method: str, *path: str, **query: Any) -> Any:
        asked.append((method, *path))
        return ask(self, method, *path, **query)

    monkeypatch.setattr(ApiCalls, "ask", counted)
    compute = make_harness(name, storebase.root)
    try:
        for number in range(4):
            compute.start_lasting(request=f"digest.{number}")
            for jobs in (compute.engine.active_jobs, compute.engine.jobs):
                asked.clear()
                assert set(compute.names) <= set(jobs() or {})
                assert len(asked) == 1
    finally:
        compute.close()
