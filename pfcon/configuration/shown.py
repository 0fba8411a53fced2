"""The settings that a service runs with, for its log: without secrets, and without what has its default."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from pfcon.configuration.model import Settings
from pfcon.settings.section import variable, variables


def shown_settings(settings: Settings) -> dict[str, str]:
    """Return the texts of the settings that differ from their defaults, by variable name. No secret is among them."""
    return dict(_differing(settings))


def _differing(section: Any) -> Iterator[tuple[str, str]]:
    known = {one.name for one in variables(type(section))}
    for field in fields(section):
        value = getattr(section, field.name)
        try:
            found = variable(type(section), field.name)
        except KeyError:
            if is_dataclass(value):
                yield from _differing(value)
            continue
        if found.name in known and not found.secret and value is not None and value != field.default:
            yield found.name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, tuple) and tuple(map(type, value)) == (str, int):  # an address
        return f"[{value[0]}]:{value[1]}" if ":" in value[0] else f"{value[0]}:{value[1]}"
    if isinstance(value, list | tuple):
        return ",".join("=".join(map(str, one)) if isinstance(one, tuple) else str(one) for one in value)
    return str(value)
