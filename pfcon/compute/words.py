"""Words that several engines tell users. Pure."""

import signal

_MAX_TEXT = 500


def plain(text: str) -> str:
    """An engine's text as one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 1] + "…"


def signal_name(code: int) -> str:
    """The name of the signal in an exit code as shells write it (128 + number), or empty."""
    try:
        return signal.Signals(code - 128).name
    except ValueError:
        return ""
