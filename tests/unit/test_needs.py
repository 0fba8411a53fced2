"""A test whose engine is missing is skipped, or fails where PFCON_TEST_REQUIRE asks for the engine."""

import pytest
from support.engines.need import Unavailable, need


def nowhere() -> str:
    raise Unavailable("it is not here")


@pytest.mark.parametrize("required", ["", "docker swarms", "al"])
def test_what_is_missing_and_not_required_skips(monkeypatch: pytest.MonkeyPatch, required: str) -> None:
    monkeypatch.setenv("PFCON_TEST_REQUIRE", required)
    with pytest.raises(pytest.skip.Exception, match="it is not here"):
        need("swarm", nowhere)


@pytest.mark.parametrize("required", ["all", "swift s3"])
def test_what_no_run_starts_by_itself_is_required_only_by_its_name(
    monkeypatch: pytest.MonkeyPatch, required: str
) -> None:
    monkeypatch.setenv("PFCON_TEST_REQUIRE", required)
    with pytest.raises(pytest.skip.Exception, match="it is not here"):
        need("ceph-swift", nowhere)
    monkeypatch.setenv("PFCON_TEST_REQUIRE", f"{required} ceph-swift")
    with pytest.raises(pytest.fail.Exception, match="asks for ceph-swift, but it is not here"):
        need("ceph-swift", nowhere)


@pytest.mark.parametrize("required", ["swarm", "docker swarm", "all"])
def test_what_is_missing_and_required_fails(monkeypatch: pytest.MonkeyPatch, required: str) -> None:
    monkeypatch.setenv("PFCON_TEST_REQUIRE", required)
    with pytest.raises(pytest.fail.Exception, match="asks for swarm, but it is not here"):
        need("swarm", nowhere)


def test_each_thing_is_looked_for_once() -> None:
    asked: list[str] = []

    def find(mode: str) -> str:
        asked.append(mode)
        return f"{mode}.conf"

    assert [need("slurm", find, mode) for mode in ("plain", "cgroup", "plain")] == [
        "plain.conf",
        "cgroup.conf",
        "plain.conf",
    ]
    assert asked == ["plain", "cgroup"]
