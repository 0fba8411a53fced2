"""Generates the table of reasons: ``python -m pfcon.reasons.page [--check] docs/reasons.md``.

It replaces the part of the file between ``<!-- reasons:begin -->`` and ``<!-- reasons:end -->``.
"""

import re
import sys
from collections.abc import Iterator

from pfcon import docs_tables
from pfcon.docs_tables import replace_table, row
from pfcon.reasons.sentences import EXPLANATIONS, Explanation

_FIELD = re.compile(r"\{(\w+)\}")
_NAMES = {  # of fields that are not named for readers
    "or_lost": "code",
    "log_code": "code",
    "log_limit": "limit",
    "never": "cause",
    "ended": "cause",
    "or_signal": "signal",
    "crash": "signal",
    "site_limit": "duration",
    "where": "place",
    "script": "file",
    "paths": "path",
}


def markdown() -> str:
    """Return the table of all reasons."""
    return "\n".join(_rows()) + "\n"


def rewrite(document: str) -> str:
    """Return the document with a new table. Raises NoMarkersError."""
    return replace_table(document, "reasons", markdown())


def main(arguments: list[str] | None = None) -> int:
    """See ``docs_tables.main``."""
    return docs_tables.main("pfcon.reasons.page", "table of reasons", rewrite, arguments)


def _rows() -> Iterator[str]:
    yield row("Code", "What the user reads", "What an administrator can do")
    yield row(*["---"] * 3)
    for reason, explanation in EXPLANATIONS.items():
        yield row(f"`{reason}`", _sentences(explanation), explanation.advice)


def _sentences(explanation: Explanation) -> str:
    return "<br>".join(_FIELD.sub(_field, sentence) for sentence in explanation.sentences)


def _field(found: "re.Match[str]") -> str:
    return f"*{_NAMES.get(found[1], found[1])}*"


if __name__ == "__main__":
    sys.exit(main())
