"""Rules: how the settings of a component go together. Pure."""

from collections.abc import Callable, Iterator
from typing import Any

from pfcon.settings.section import variables
from pfcon.settings.variable import Mode, Values

Rule = Callable[[Values, Mode], Iterator[str]]
"""Yields one line for each fault; silent where a value that it depends on could not be read."""


def no_rules(_values: Values, _mode: Mode) -> Iterator[str]:
    """Those of a component whose settings go together in any way."""
    return iter(())


def required(section: type[Any], values: Values, reason: str) -> Iterator[str]:
    """A line for each required setting of a section that is missing; reason: who needs it."""
    for variable in variables(section):
        if variable.required and values.missing(variable):
            yield values.fault(variable, reason)
