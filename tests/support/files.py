"""Trees of small files."""

from pathlib import Path


def fill(root: Path, *names: str, data: bytes = b"data") -> None:
    """Write files of that content below a directory, with the directories on their way."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
