"""Generates the table of reasons: ``python -m pfcon.reasons.page [--check] docs/reasons.md``.

It replaces the part of the file between ``<!-- reasons:begin -->`` and ``<!-- reasons:end -->``.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from pfcon.reasons.sentences import EXPLANATIONS, Explanation

BEGIN, END = "<!-- reasons:begin -->", "<!-- reasons:end -->"
_FIELD = re.compile(r"\{(\w+)\}")
_NAMES = {  # of fields that are not named for readers
    "or_lost": "code",
    "or_signal": "signal",
    "crash": "signal",
    "site_limit": "duration",
    "where": "place",
    "script": "file",
    "paths": "path",
}


class NoMarkersError(ValueError):
    """The file lacks the markers of the table."""


def markdown() -> str:
    """Return the table of all reasons."""
    return "\n".join(_rows()) + "\n"


def rewrite(document: str) -> str:
    """Return the document with a new table. Raises NoMarkersError."""
    before, found_begin, rest = document.partition(BEGIN)
    _, found_end, after = rest.partition(END)
    if not found_begin or not found_end:
        raise NoMarkersError(f"has no {BEGIN} followed by {END}")
    return f"{before}{BEGIN}\n\n{markdown()}\n{END}{after}"


def main(arguments: list[str] | None = None) -> int:
    """Return 0 when the file is up to date, 1 when ``--check`` finds it outdated, 2 when it can't be used."""
    description = "Rewrite the table of reasons in a Markdown file."
    parser = argparse.ArgumentParser(prog="python -m pfcon.reasons.page", description=description)
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
        print(f"{chosen.file}: stale; run python -m pfcon.reasons.page {chosen.file}", file=sys.stderr)
        return 1
    return 0


def _rows() -> Iterator[str]:
    yield _row("Code", "What the user reads", "What an administrator can do")
    yield _row(*["---"] * 3)
    for reason, explanation in EXPLANATIONS.items():
        yield _row(f"`{reason}`", _sentences(explanation), explanation.advice)


def _sentences(explanation: Explanation) -> str:
    return "<br>".join(_FIELD.sub(_field, sentence) for sentence in explanation.sentences)


def _field(found: "re.Match[str]") -> str:
    return f"*{_NAMES.get(found[1], found[1])}*"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
