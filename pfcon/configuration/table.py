"""Generates the tables of settings: ``python -m pfcon.configuration.table [--check] docs/settings.md``.

It replaces the part of the file between ``<!-- settings:begin -->`` and ``<!-- settings:end -->``, and the optional
parts between ``<!-- options:begin -->`` and ``<!-- options:end -->``, and the same with ``own``.
"""

import sys
from collections.abc import Iterator
from typing import Any

from pfcon import docs_tables
from pfcon.compute.description import EngineDescription
from pfcon.compute.settings import JobField, JobOption
from pfcon.configuration.known import KnownSettings
from pfcon.docs_tables import replace_table, row
from pfcon.settings.variable import Variable

KNOWN = KnownSettings()  # pfcon's own engines and storages, without plugins


def markdown() -> str:
    """Return a table of variables for each group. Defaults of secrets are not shown."""
    return "\n\n".join(f"**{title}**\n\n" + "\n".join(_rows(group)) for title, group in KNOWN.groups.items()) + "\n"


def options() -> dict[str, tuple[str, ...]]:
    """Return the engines that have each option of jobs, by the option's name."""
    return {variable.name: KNOWN.users(variable) for variable in KNOWN.variables if variable.exclusive}


def options_markdown() -> str:
    """Return a table of the options and fields of jobs by engine, with numbered footnotes as a list below it."""
    names = [engine.name for engine in KNOWN.engines]
    lines = [row("Option or field", *names), row(*["---"] * (len(names) + 1))]
    footnotes: dict[str, int] = {}
    having = options()
    shared = [name for name in having if name in set(JobOption)]
    for name in [*shared, *JobField]:
        lines.append(row(f"`{name}`", *(_cell(engine, name, having, footnotes) for engine in KNOWN.engines)))
    return "\n".join([*lines, "", *(f"{number}. {text}." for text, number in footnotes.items())]) + "\n"


def _cell(engine: EngineDescription[Any], name: str, having: dict[str, tuple[str, ...]], notes: dict[str, int]) -> str:
    """Return "yes" or "no", with the number of a footnote if the engine has one; equal ones share a number."""
    has = engine.name in having[name] if name in having else name not in engine.lacks
    text = (engine.notes if has else engine.lacks).get(name)
    number = f" ({notes.setdefault(text, len(notes) + 1)})" if text else ""
    return ("yes" if has else "no") + number


def own_markdown() -> str:
    """Return a table of the other settings that are refused with other engines, by the engines that have them."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, engines in options().items():
        if name not in set(JobOption):
            groups.setdefault(engines, []).append(f"`{name}`")
    rows = (row(", ".join(engines), ", ".join(names)) for engines, names in groups.items())
    return "\n".join([row("Engine", "Settings"), row("---", "---"), *rows]) + "\n"


def rewrite(document: str) -> str:
    """Return the document with new tables. Raises NoMarkersError."""
    document = replace_table(document, "settings", markdown())
    for name, content in (("options", options_markdown), ("own", own_markdown)):
        if f"<!-- {name}:begin -->" in document:
            document = replace_table(document, name, content())
    return document


def main(arguments: list[str] | None = None) -> int:
    """See ``docs_tables.main``."""
    return docs_tables.main("pfcon.configuration.table", "tables of settings", rewrite, arguments)


def _rows(group: tuple[Variable[Any], ...]) -> Iterator[str]:
    yield row("Variable", "Default", "Accepts", "Meaning")
    yield row(*["---"] * 4)
    for variable in group:
        name = f"`{variable.name}`" + (f", `{variable.file_name}`" if variable.file_name else "")
        users = ", ".join(KNOWN.users(variable))
        yield row(
            name,
            _default(variable),
            variable.kind.accepts,
            (f"({users}) " if users else "") + variable.meaning,
        )


def _default(variable: Variable[Any]) -> str:
    shown = [f"`{variable.default}`"] if variable.default is not None else []
    shown += [variable.note] if variable.note else []
    if variable.development is not None and not variable.secret:
        shown.append(f"development: `{variable.development}`")
    return "; ".join(shown)


if __name__ == "__main__":
    sys.exit(main())
