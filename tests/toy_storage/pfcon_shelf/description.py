"""What pfcon needs to know of the storage before it creates it: the entry point in pyproject.toml names ``SHELF``."""

from dataclasses import dataclass
from pathlib import Path

from pfcon.settings import kinds, setting
from pfcon.storage.base import Storage
from pfcon.storage.description import StorageContext, StorageDescription


@dataclass(frozen=True)
class ShelfSettings:
    """The settings of the storage. Its operations get them too, as files."""

    root: Path = setting("SHELF_ROOT", kinds.local_directory(), "Directory with `.key` and `files`.", required=True)
    key: str = setting("SHELF_KEY", kinds.text("one line of text"), "Opens the shelf.", required=True, secret=True)


def make(context: StorageContext[ShelfSettings]) -> Storage:
    """Return the storage, whose module is imported only when pfcon needs it."""
    from pfcon_shelf.storage import ShelfStorage

    return ShelfStorage(context.own.root, context.own.key, context.storage.limits.free_bytes)


SHELF = StorageDescription(
    name="shelf",
    title="a directory of this machine, to learn from",
    make=make,
    settings=ShelfSettings,
)
