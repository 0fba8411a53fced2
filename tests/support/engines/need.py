"""What a test needs: where that is missing it skips loudly, or fails when PFCON_TEST_REQUIRE names it."""

import os
from collections.abc import Callable

import pytest

from pfcon.testing.waiting import checks

INSISTENCE = 30.0  # seconds
ONLY_NAMED = {
    "ceph-swift",
    "ceph-s3",
    "htcondor",
}  # not of the word "all": tests/engines/all.sh starts them only by name
_KNOWN: dict[tuple[object, ...], "str | Unavailable"] = {}


class Unavailable(Exception):
    """Why something can't be used, and how to get it."""


class Unanswered(Unavailable):
    """It was named, and did not answer as it should: a busy machine's may yet."""


def need(name: str, find: Callable[..., str], *args: str) -> str:
    """What ``find(*args)`` finds; skips or fails the test where it raises Unavailable.

    name: the word of PFCON_TEST_REQUIRE.
    """
    words = os.environ.get("PFCON_TEST_REQUIRE", "").split()
    required = name in words or ("all" in words and name not in ONLY_NAMED)
    try:
        return found(find, *args, insist=required)
    except Unavailable as lack:
        if required:
            pytest.fail(f"PFCON_TEST_REQUIRE asks for {name}, but {lack}", pytrace=False)
        pytest.skip(str(lack))


def found(find: Callable[..., str], *args: str, insist: bool = False) -> str:
    """What ``find(*args)`` finds, looked for once in a test run. Raises Unavailable.

    insist: look again for a while, for all tests would fail of one moment in which it does not answer.
    """
    key = (find, *args)
    if key not in _KNOWN:
        _KNOWN[key] = _looked_for(find, *args, seconds=INSISTENCE if insist else 0.0)
    answer = _KNOWN[key]
    if isinstance(answer, Unavailable):
        raise answer
    return answer


def _looked_for(find: Callable[..., str], *args: str, seconds: float) -> str | Unavailable:
    answer: str | Unavailable = ""
    for _ in checks(seconds):
        try:
            return find(*args)
        except Unavailable as lack:
            answer = lack
            if not isinstance(lack, Unanswered):
                break
    return answer
