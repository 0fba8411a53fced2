"""What dev/audit.py makes of known vulnerabilities and of the list of exceptions."""

import datetime
from pathlib import Path

import pytest
from support.dev_modules import load

AUDIT = load("audit")
TODAY = datetime.date(2026, 6, 1)
FAULT = {"id": "PYSEC-1", "aliases": ["CVE-2026-1"], "fix_versions": ["2.0"]}
GOOD = {"name": "good", "version": "1.0", "vulns": []}
BAD = {"name": "bad", "version": "1.0", "vulns": [FAULT]}
UNKNOWN = {"name": "unknown", "skip_reason": "not found"}
ENTRY = '[[exception]]\nid = "CVE-2026-1"\npackage = "bad"\nreason = "not used"\nexpires = 2026-06-01\n'


def exceptions(tmp_path: Path, text: str) -> tuple[set[tuple[str, str]], list[str]]:
    path = tmp_path / "exceptions.toml"
    path.write_text(text)
    found: tuple[set[tuple[str, str]], list[str]] = AUDIT.read_exceptions(path, TODAY)
    return found


def test_a_vulnerability_is_told_with_the_version_that_mends_it() -> None:
    assert AUDIT.judge([GOOD, BAD], set()) == ["bad 1.0: PYSEC-1; mended in: 2.0"]
    assert AUDIT.judge([GOOD], set()) == []


def test_an_exception_holds_by_any_of_the_vulnerability_s_names_until_its_day(tmp_path: Path) -> None:
    allowed, faults = exceptions(tmp_path, ENTRY)
    assert faults == []
    assert AUDIT.judge([BAD], allowed) == []
    assert AUDIT.judge([{**BAD, "name": "other"}], allowed) != []


def test_an_expired_exception_fails(tmp_path: Path) -> None:
    allowed, [fault] = exceptions(tmp_path, ENTRY.replace("2026-06-01", "2026-05-31"))
    assert allowed == set()
    assert "has expired on 2026-05-31" in fault


@pytest.mark.parametrize(
    ("old", "new"),
    [('reason = "not used"\n', ""), ('"not used"', '""'), ("2026-06-01", '"2026-06-01"'), ("reason", "because")],
)
def test_an_exception_without_reason_or_day_fails(tmp_path: Path, old: str, new: str) -> None:
    allowed, [fault] = exceptions(tmp_path, ENTRY.replace(old, new))
    assert allowed == set()
    assert "needs id, package, reason, expires" in fault


def test_a_package_that_could_not_be_checked_is_told() -> None:
    assert AUDIT.judge([GOOD, UNKNOWN], set()) == ["unknown: could not be checked: not found"]


def test_a_service_that_knows_nothing_counts_as_away() -> None:
    assert AUDIT.judge([UNKNOWN], set()) is None


def test_the_list_itself_can_be_read() -> None:
    _, faults = AUDIT.read_exceptions(AUDIT.EXCEPTIONS, datetime.date(1970, 1, 1))
    assert faults == []
