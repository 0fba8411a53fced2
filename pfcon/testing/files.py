"""Reads directory trees."""

from pathlib import Path


def tree(root: Path) -> dict[str, bytes]:
    """Return the content of all files below a directory, by relative path; symbolic links to files are followed."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
