"""What clients may choose of the log: ids of requests, and how many lines."""

import logging

import pytest

from pfcon.service_log import accepted_or_new
from pfcon.service_log.fields import fields_of
from pfcon.service_log.limited import BURST, RATE, LimitedLog
from pfcon.testing.waiting import eventually


@pytest.mark.parametrize("given", ["a", "4f7c-A_1.z", "x" * 63])
def test_ids_of_clients_are_taken(given: str) -> None:
    """Those that are labels' values on every engine."""
    assert accepted_or_new(given) == given


@pytest.mark.parametrize("given", [None, "", "-a", "a-", "a b", "a\nb", "é", "x" * 64, "a/b"])
def test_other_ids_are_replaced(given: str | None) -> None:
    """By a new one each time, which would be taken."""
    made = accepted_or_new(given)
    assert made not in (given, accepted_or_new(given))
    assert accepted_or_new(made) == made


def test_lines_beyond_the_rate_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """The next line that is written has their number."""
    now = 0.0
    limited = LimitedLog(logging.getLogger("pfcon.limited"), lambda: now)
    with caplog.at_level(logging.INFO):
        for _ in range(int(BURST) + 7):
            limited.write(logging.INFO, "request refused")
        assert len(caplog.records) == BURST
        now = 1 / RATE
        limited.write(logging.INFO, "request refused")
        now = 2 / RATE
        limited.write(logging.INFO, "request refused")
    assert [fields_of(record).get("not_logged") for record in caplog.records[-2:]] == [7, None]


def test_the_number_is_told_although_no_further_line_comes(caplog: pytest.LogCaptureFixture) -> None:
    """The last lines of a flood may be the last ones of the day."""
    limited = LimitedLog(logging.getLogger("pfcon.limited"), lambda: 0.0, soon=2.0)
    with caplog.at_level(logging.INFO):
        for _ in range(int(BURST) + 7):
            limited.write(logging.INFO, "request refused")
        # A busy machine may need more than one line for them.
        assert eventually(lambda: sum(fields_of(line).get("not_logged", 0) for line in [*caplog.records]) == 7)
