"""The settings that a service runs with, for its log: without secrets, and without what has its default."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any
from urllib.parse import urlsplit

from pfcon.configuration.model import Settings
from pfcon.settings.parsing import APPLICATION_MODE
from pfcon.settings.section import variable, variables
from pfcon.settings.variable import Mode


def shown_settings(settings: Settings) -> dict[str, str]:
    """Return the texts of the mode, and of the settings that differ from its defaults, by variable name.

    No secret is among them. Of a URL there are scheme and host: the rest may be as good as a password.
    """
    return {APPLICATION_MODE.name: settings.mode.value, **dict(_differing(settings, settings.mode))}


def _differing(section: Any, mode: Mode) -> Iterator[tuple[str, str]]:
    known = {one.name for one in variables(type(section))}
    for field in fields(section):
        value = getattr(section, field.name)
        try:
            found = variable(type(section), field.name)
        except KeyError:
            if is_dataclass(value):
                yield from _differing(value, mode)
            continue
        text = found.default_in(mode)
        default = field.default if text is None else found.kind.parse(text)
        if found.name in known and not found.secret and value is not None and value != default:
            yield found.name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, tuple) and tuple(map(type, value)) == (str, int):  # an address
        return f"[{value[0]}]:{value[1]}" if ":" in value[0] else f"{value[0]}:{value[1]}"
    if isinstance(value, list | tuple):
        return ",".join("=".join(map(str, one)) if isinstance(one, tuple) else str(one) for one in value)
    text = str(value)
    if "://" not in text or not (netloc := urlsplit(text).netloc):
        return text
    return f"{urlsplit(text).scheme}://{netloc.rpartition('@')[2]}"
