"""What the fault rounds draw and count; nothing strikes here."""

import pytest
from fault_rounds.__main__ import LIVES, main
from fault_rounds.faults import FAULTS
from fault_rounds.options import STORAGES, parse
from fault_rounds.schedule import plan
from fault_rounds.tally import Tally, Verdict
from support.engines import need

NAMES = list(FAULTS)


def test_a_seed_makes_the_same_round_again() -> None:
    assert plan(7, 3, 4, NAMES) == plan(7, 3, 4, NAMES)
    assert plan(7, 3, 4, NAMES) != plan(8, 3, 4, NAMES)
    assert plan(7, 3, 4, NAMES) != plan(7, 4, 4, NAMES)


def test_all_faults_strike_in_time() -> None:
    struck = {fault.name for number in range(1, 200) for fault in plan(1, number, 1, NAMES).faults}
    assert struck == set(NAMES)


def test_the_table_counts_by_verdict() -> None:
    tally = Tally(rounds=2, jobs=8)
    tally.faults.update(["stop", "kill-worker", "stop"])
    was_clean = tally.is_clean
    tally.find(Verdict.STUCK, "job x")
    tally.leave({"b", "a"})
    assert (was_clean, tally.is_clean) == (True, False)
    assert list(tally.lines())[2:] == ["| 2 | 3 | 8 | 0 | 0 | 2 | 0 |", "", "faults: 1 × kill-worker, 2 × stop"]
    assert tally.findings == ["stuck: job x", "stuck: left: a, b"]


def test_the_command_line() -> None:
    chosen = parse(["--rounds", "3", "--seed", "4", "--faults", "stop", "restart"], NAMES)
    assert (chosen.rounds, chosen.seed, chosen.first, chosen.faults) == (3, 4, 1, ("stop", "restart"))
    assert parse(["--first", "7"], NAMES).first == 7
    assert [parse(["--storage", name], NAMES).storage for name in STORAGES] == list(LIVES) == list(STORAGES)
    for wrong in (["--rounds", "0"], ["--faults", "earthquake"], ["--engine", "abacus"]):
        with pytest.raises(SystemExit):
            parse(wrong, NAMES)


@pytest.mark.parametrize(("storage", "variable"), [("swift", "PFCON_TEST_SWIFT"), ("s3", "PFCON_TEST_S3")])
def test_a_missing_store_is_one_sentence(
    storage: str, variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (variable, "PFCON_TEST_REQUIRE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(need, "_KNOWN", {})
    assert main(["--storage", storage, "--rounds", "1"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "tests/engines/swift.sh" in said[0]
    assert variable in said[0]
