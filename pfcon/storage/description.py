"""The description of a storage: its name, its settings, and how it is created.

``storages`` lists pfcon's own storages. Another package provides one with an entry point of the group ``pfcon.storage``
that names a StorageDescription.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pfcon.paths import StoreBase
from pfcon.settings.rules import Rule, no_rules
from pfcon.settings.section import NoSettings
from pfcon.storage.base import Storage
from pfcon.storage.settings import StorageSettings

S = TypeVar("S")


@dataclass(frozen=True)
class StorageContext(Generic[S]):
    """The arguments for creating a storage.

    storage: the settings that all storages share. own: the storage's own section. storebase: the directory of jobs'
    data.
    """

    storage: StorageSettings
    own: S
    storebase: StoreBase


@dataclass(frozen=True)
class StorageDescription(Generic[S]):
    """One storage.

    name: the value of STORAGE_ENV. title: a text for people. innetwork: the value of PFCON_INNETWORK.
    make: creates the storage; imports its modules only when called; does not connect. Raises ConfigurationError.
    settings: the section of its own settings (see ``pfcon.settings.section``); operations get these as files.
    rules: check combinations of its settings. aliases: further values of STORAGE_ENV with the same meaning.
    """

    name: str
    title: str
    make: Callable[[StorageContext[S]], Storage]
    innetwork: bool = True
    settings: type[S] = NoSettings  # type: ignore[assignment]  # S is NoSettings then
    rules: Rule = no_rules
    aliases: tuple[str, ...] = ()
