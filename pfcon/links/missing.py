"""Inputs that do not exist: the notes about them, and what these mean for a job. Pure."""

from collections.abc import Iterable


def missing_note(path: str) -> str:
    """Return the note about a path of a request that does not exist."""
    return f"input {path!r} does not exist"


def none_exists(paths: Iterable[str], notes: Iterable[str]) -> bool:
    """Return whether there are paths, and the notes say of each that it does not exist."""
    missing = set(notes)
    wanted = {missing_note(path.strip("/")) for path in paths}
    return bool(wanted) and wanted <= missing
