"""The engine and the storage that the settings name, and defaults that follow from them. Pure but for ``choose``.

What can't be read is None: that fault is reported by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pfcon.compute.description import EngineDescription
from pfcon.compute.engines import ENGINES
from pfcon.compute.settings import ComputeSettings, VolumeType
from pfcon.configuration.known import (
    COMPUTE_VOLUME_TYPE,
    CONTAINER_ENV,
    PFCON_INNETWORK,
    STORAGE_ENV,
    KnownSettings,
)
from pfcon.errors import ConfigurationError
from pfcon.settings.catalog import Catalog, D
from pfcon.settings.parsing import parse
from pfcon.settings.section import variable
from pfcon.settings.source import collect
from pfcon.settings.variable import Values
from pfcon.storage.description import StorageDescription
from pfcon.storage.settings import StorageSettings
from pfcon.storage.storages import STORAGES, default_storage


@dataclass(frozen=True)
class Chosen:
    """The engine and the storage of some values, and the volume type where it is one that the engine has."""

    engine: EngineDescription[Any] | None
    storage: StorageDescription[Any] | None

    def volume_type(self, values: Values) -> VolumeType | None:
        """COMPUTE_VOLUME_TYPE; the engine's first where it is not set, or is none that the engine has."""
        if self.engine is None or COMPUTE_VOLUME_TYPE.name in values.unreadable:
            return None
        named = values.get(COMPUTE_VOLUME_TYPE)
        fitting = [kind for kind in self.engine.volume_types if named in (None, kind.name)]
        return (fitting or [*self.engine.volume_types])[0]

    def storebase(self, values: Values) -> Any:
        """STOREBASE; where the engine's jobs see storeBase as this service does, that may be left out."""
        own = values.get(variable(ComputeSettings, "storebase"))
        if own is None and self.engine is not None and self.engine.sees_storebase_here:
            return values.get(variable(StorageSettings, "storebase_mount"))
        return own


def choose(environ: Mapping[str, str]) -> tuple[Chosen, KnownSettings, list[str]]:
    """The components that the environment names, loaded; the settings of pfcon's own ones and of these; and a line for
    each that can't be loaded. Other faults of their names are found again with those of all settings.
    """
    found = collect(environ, (CONTAINER_ENV, STORAGE_ENV)).found
    engine_kind = ENGINES.kind_for(found.get(CONTAINER_ENV.name))
    storage_kind = STORAGES.kind_for(found.get(STORAGE_ENV.name))
    naming = (
        replace(CONTAINER_ENV, kind=engine_kind),
        replace(STORAGE_ENV, kind=storage_kind),
        PFCON_INNETWORK,
    )
    values, _ = parse(collect(environ, naming), naming)
    faults: list[str] = []
    engine = _find(ENGINES, values.get(CONTAINER_ENV), faults)
    storage = _find(STORAGES, _storage_name(values), faults)
    known = KnownSettings(_with(ENGINES, engine), _with(STORAGES, storage), engine_kind, storage_kind)
    return Chosen(engine, storage), known, faults


def _storage_name(values: Values) -> str | None:
    """STORAGE_ENV; where that is not set, the default of PFCON_INNETWORK."""
    if values.given(STORAGE_ENV):
        return values.get(STORAGE_ENV)
    innetwork = values.get(PFCON_INNETWORK)
    return None if innetwork is None else default_storage(innetwork)


def _find(catalog: Catalog[D], name: str | None, faults: list[str]) -> D | None:
    if name is None:
        return None
    try:
        return catalog.find(name)
    except ConfigurationError as error:
        faults += error.faults
        return None


def _with(catalog: Catalog[D], chosen: D | None) -> tuple[D, ...]:
    return catalog.built_in if chosen is None or chosen in catalog.built_in else (*catalog.built_in, chosen)
