"""Generates the tables of settings: ``python -m pfcon.configuration.table [--check] docs/settings.md``.

It replaces the part of the file between ``<!-- settings:begin -->`` and ``<!-- settings:end -->``, and the
optional part between ``<!-- options:begin -->`` and ``<!-- options:end -->``.
"""

import sys
from collections.abc import Iterator
from typing import Any

from pfcon import docs_tables
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
    """Return ``options`` as a table."""
    names = [engine.name for engine in KNOWN.engines]
    lines = [row("Option", *names), row(*["---"] * (len(names) + 1))]
    for name, engines in options().items():
        lines.append(row(f"`{name}`", *("yes" if engine in engines else "" for engine in names)))
    return "\n".join(lines) + "\n"


def rewrite(document: str) -> str:
    """Return the document with new tables. Raises NoMarkersError."""
    document = replace_table(document, "settings", markdown())
    if "<!-- options:begin -->" in document:
        document = replace_table(document, "options", options_markdown())
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
