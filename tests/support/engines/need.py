"""What a test needs: where that is missing it skips loudly, or fails when PFCON_TEST_REQUIRE names it."""

import functools
import os
from collections.abc import Callable

import pytest


class Unavailable(Exception):
    """Why something can't be used, and how to get it."""


def need(name: str, find: Callable[..., str], *args: str) -> str:
    """What ``find(*args)`` finds; skips or fails the test where it raises Unavailable.

    name: the word of PFCON_TEST_REQUIRE.
    """
    try:
        return found(find, *args)
    except Unavailable as lack:
        if {name, "all"} & set(os.environ.get("PFCON_TEST_REQUIRE", "").split()):
            pytest.fail(f"PFCON_TEST_REQUIRE asks for {name}, but {lack}", pytrace=False)
        pytest.skip(str(lack))


def found(find: Callable[..., str], *args: str) -> str:
    """What ``find(*args)`` finds, looked for once in a test run. Raises Unavailable."""
    answer = _looked_for(find, *args)
    if isinstance(answer, Unavailable):
        raise answer
    return answer


@functools.cache
def _looked_for(find: Callable[..., str], *args: str) -> str | Unavailable:
    try:
        return find(*args)
    except Unavailable as lack:
        return lack
