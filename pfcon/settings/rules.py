"""Rules: which combinations of a component's settings are valid. Pure functions."""

from collections.abc import Callable, Iterator
from typing import Any

from pfcon.settings.section import variables
from pfcon.settings.variable import Mode, Values

Rule = Callable[[Values, Mode], Iterator[str]]
"""Yields one line for each fault; nothing when a value that it depends on could not be read."""


def no_rules(_values: Values, _mode: Mode) -> Iterator[str]:
    """The rules of a component that accepts all combinations."""
    return iter(())


def required(section: type[Any], values: Values, reason: str) -> Iterator[str]:
    """Yield a line for each missing required setting of a section. reason: what needs it, for the line.

    A setting with a default in development mode is required in production only.
    """
    for variable in variables(section):
        if variable.required and values.missing(variable):
            yield values.fault(variable, reason if variable.development is None else f"{reason} in production")
