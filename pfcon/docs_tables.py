"""Generated tables of the documentation, between ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->`` of a page."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path


class NoMarkersError(ValueError):
    """The page lacks the markers of a table."""


def row(*cells: str) -> str:
    """Return a row of a table in Markdown."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def replace_table(page: str, name: str, content: str) -> str:
    """Return a page with other content between the markers of that name. Raises NoMarkersError."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise NoMarkersError(f"has no {begin} followed by {end}")
    return f"{before}{begin}\n\n{content}\n{end}{after}"


def main(module: str, what: str, rewrite: Callable[[str], str], arguments: list[str] | None = None) -> int:
    """Rewrite a page, as the command ``python -m module``. what: the tables, in the help.

    Returns 0 when the page is up to date, 1 when ``--check`` finds it outdated, 2 when it can't be used.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=f"Rewrite the {what} in a file.")
    parser.add_argument("file", type=Path, help="a Markdown file with the markers of the table, or the document itself")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when the file is outdated")
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
        print(f"{chosen.file}: outdated; run python -m {module} {chosen.file}", file=sys.stderr)
        return 1
    return 0
