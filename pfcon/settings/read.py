"""From the environment to Settings: the one way in."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from pfcon.errors import ConfigurationError
from pfcon.settings import build, credentials, rules
from pfcon.settings.model import Mode, Settings
from pfcon.settings.source import Texts, collect, process_environment
from pfcon.settings.variable import Values, Variable
from pfcon.settings.variables import ALL
from pfcon.settings.variables.service import APPLICATION_MODE

log = logging.getLogger(__name__)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check all settings.

    Without ``environ``, they come from the process's environment and, where that has none, from ``.env`` in the
    current directory. Raises ConfigurationError with every fault; no secret is in it.
    """
    faults: list[str] = []
    if environ is None:
        environ, faults = process_environment()
    texts = collect(environ, ALL)
    values, unreadable = parse(texts, ALL)
    faults += [*unreadable, *rules.check(values)]
    if faults:
        raise ConfigurationError(faults)
    for line in credentials.warnings(values):
        log.warning("%s", line)
    return build.settings(values)


def parse(texts: Texts, variables: Iterable[Variable[Any]]) -> tuple[Values, list[str]]:
    """Read each variable's text, or its default, as its kind has it; one line for each that can't be read."""
    faults = dict(texts.faults)
    parsed: dict[str, Any] = {}
    mode = Mode.PRODUCTION
    for variable in sorted(variables, key=lambda variable: variable is not APPLICATION_MODE):
        text = texts.found.get(variable.name, variable.default_in(mode))
        if text is None or variable.name in faults:
            continue
        try:
            parsed[variable.name] = variable.kind.parse(text)
        except ValueError:
            faults[variable.name] = variable.fault(text)
        if variable is APPLICATION_MODE:
            mode = parsed.get(variable.name, mode)
    return Values(parsed, texts.found, frozenset(faults)), list(faults.values())
