"""The settings that all storages share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pfcon.archive.limits import UploadLimits
from pfcon.settings import kinds
from pfcon.settings.section import NoSettings, setting


@dataclass(frozen=True)
class StorageSettings:
    """Where inputs come from and outputs go.

    name: of a storage. own: the storage's own section. create: create a missing container or bucket. passable: see
    StoreBase.
    """

    name: str = setting(
        "STORAGE_ENV",
        kinds.text("the name of a storage"),
        "Where inputs come from and outputs go. `zipfile` requires `PFCON_INNETWORK=false`, all others `true`.",
        derived=True,
    )
    innetwork: bool = setting(
        "PFCON_INNETWORK",
        kinds.boolean(),
        "Whether inputs are fetched from a storage near this service, instead of sent by the client.",
        default="false",
    )
    storebase_mount: Path = setting(
        "STOREBASE_MOUNT",
        kinds.local_directory(),
        "Where this service sees storeBase, the directory with the jobs' data.",
        default="/var/local/storeBase",
    )
    limits: UploadLimits = UploadLimits()
    own: Any = NoSettings()
    create: bool = False
    passable: bool = setting(
        "PFCON_PASSABLE",
        kinds.boolean(),
        "Whether all users may pass through jobs' directories: for engines whose root is mapped to nobody "
        "(root_squash).",
        default="false",
    )
