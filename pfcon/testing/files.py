"""What is below a directory."""

from pathlib import Path


def tree(root: Path) -> dict[str, bytes]:
    """The content of all files below a directory, by their relative paths; links are followed."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
