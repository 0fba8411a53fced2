"""What goes wrong in a measurement, as opposed to a target that is missed."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class Broken(Exception):
    """A measurement that means nothing: an answer was wrong, a program failed, data was missing."""


class NotHere(Exception):
    """A section that can't be measured on this machine, and why."""


@contextmanager
def finding() -> Iterator[None]:
    """Run the tests' finders of engines, which skip or fail a test. Raises NotHere with what they say."""
    try:
        yield
    except (pytest.skip.Exception, pytest.fail.Exception) as reason:  # finders of tests skip where an engine is missing
        raise NotHere(str(reason)) from None
