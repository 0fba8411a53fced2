"""Trees of small files."""

from pathlib import Path


def fill(root: Path, *names: str, data: bytes = b"data") -> None:
    """Write files of that content below a directory, with the directories on their way."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


def tree(root: Path) -> dict[str, bytes]:
    """The content of all files below a directory, by their relative paths; links are followed."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
