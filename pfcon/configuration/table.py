"""Generates the tables of settings: ``python -m pfcon.configuration.table [--check] docs/settings.md``.

It replaces the part of the file between ``<!-- settings:begin -->`` and ``<!-- settings:end -->``, and the
optional part between ``<!-- options:begin -->`` and ``<!-- options:end -->``.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pfcon.configuration.known import KnownSettings
from pfcon.settings.variable import Variable

KNOWN = KnownSettings()  # pfcon's own engines and storages, without plugins


class NoMarkersError(ValueError):
    """The file lacks the markers of a table."""


def markdown() -> str:
    """Return a table of variables for each group. Defaults of secrets are not shown."""
    return "\n\n".join(f"**{title}**\n\n" + "\n".join(_rows(group)) for title, group in KNOWN.groups.items()) + "\n"


def options() -> dict[str, tuple[str, ...]]:
    """Return the engines that have each option of jobs, by the option's name."""
    return {variable.name: KNOWN.users(variable) for variable in KNOWN.variables if variable.exclusive}


def options_markdown() -> str:
    """Return ``options`` as a table."""
    names = [engine.name for engine in KNOWN.engines]
    lines = [_row("Option", *names), _row(*["---"] * (len(names) + 1))]
    for name, engines in options().items():
        lines.append(_row(f"`{name}`", *("yes" if engine in engines else "" for engine in names)))
    return "\n".join(lines) + "\n"


def rewrite(document: str) -> str:
    """Return the document with new tables. Raises NoMarkersError."""
    document = _replace(document, "settings", markdown())
    if "<!-- options:begin -->" in document:
        document = _replace(document, "options", options_markdown())
    return document


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when the file is up to date, 1 when ``--check`` finds it outdated, 2 when it can't be used."""
    description = "Rewrite the tables of settings in a Markdown file."
    parser = argparse.ArgumentParser(prog="python -m pfcon.configuration.table", description=description)
    parser.add_argument("file", type=Path, help="a Markdown file with the markers of the table")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when the table is stale")
    chosen = parser.parse_args(arguments)
    try:
        old = chosen.file.read_text(encoding="utf-8")
        new = rewrite(old)
        if new != old and not chosen.check:
            chosen.file.write_text(new, encoding="utf-8")
    except (OSError, NoMarkersError) as error:
        print(f"{chosen.file}: {error}", file=sys.stderr)
        return 2
    if new != old and chosen.check:
        print(f"{chosen.file}: stale; run python -m pfcon.configuration.table {chosen.file}", file=sys.stderr)
        return 1
    return 0


def _rows(group: tuple[Variable[Any], ...]) -> Iterator[str]:
    yield _row("Variable", "Default", "Accepts", "Meaning")
    yield _row(*["---"] * 4)
    for variable in group:
        name = f"`{variable.name}`" + (f", `{variable.file_name}`" if variable.file_name else "")
        users = ", ".join(KNOWN.users(variable))
        yield _row(
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


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _replace(document: str, name: str, content: str) -> str:
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, found_begin, rest = document.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise NoMarkersError(f"has no {begin} followed by {end}")
    return f"{before}{begin}\n\n{content}\n{end}{after}"


if __name__ == "__main__":
    sys.exit(main())
