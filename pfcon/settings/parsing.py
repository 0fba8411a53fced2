"""Parses the texts of variables to values, each variable independently."""

from collections.abc import Iterable
from typing import Any

from pfcon.settings import kinds
from pfcon.settings.source import Texts
from pfcon.settings.variable import Mode, Values, Variable

APPLICATION_MODE = Variable(
    "APPLICATION_MODE",
    kinds.choice(Mode),
    "`development` has a known user, password and key, and a detailed log. Never for a service that others reach.",
    default="production",
)


def parse(texts: Texts, variables: Iterable[Variable[Any]]) -> tuple[Values, list[str]]:
    """Parse each variable's text or default by its kind. Return the values and one line for each fault.

    If APPLICATION_MODE is among the variables and is development, the defaults are those of development.
    """
    known = {variable.name: variable for variable in variables}
    faults = dict(texts.faults)
    parsed: dict[str, Any] = {}
    mode = Mode.PRODUCTION
    for variable in sorted(known.values(), key=lambda variable: variable is not APPLICATION_MODE):
        text = texts.found.get(variable.name, variable.default_in(mode))
        if text is None or variable.name in faults:
            continue
        try:
            parsed[variable.name] = variable.kind.parse(text)
        except ValueError:
            faults[variable.name] = variable.fault(text)
        if variable is APPLICATION_MODE:
            mode = parsed.get(variable.name, mode)
    return Values(parsed, texts.found, frozenset(faults), known), list(faults.values())


def mode_of(values: Values) -> Mode:
    """Return the mode; production unless development is set explicitly."""
    return values.get(APPLICATION_MODE) or Mode.PRODUCTION
