"""Engines' texts as parts of messages. Pure."""

_MAX_TEXT = 500


def plain(text: str) -> str:
    """Return an engine's text as one line of limited length."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 1] + "…"
