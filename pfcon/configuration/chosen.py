"""The engine and the storage that the settings choose, and the defaults that depend on them. Only ``choose`` does I/O.

A value that can't be read counts as None; its fault is reported separately.
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
    """The chosen engine and storage; None when the name is missing or invalid."""

    engine: EngineDescription[Any] | None
    storage: StorageDescription[Any] | None

    def volume_type(self, values: Values) -> VolumeType | None:
        """Return COMPUTE_VOLUME_TYPE; the engine's first type if it is unset or the engine does not have it."""
        if self.engine is None or COMPUTE_VOLUME_TYPE.name in values.unreadable:
            return None
        named = values.get(COMPUTE_VOLUME_TYPE)
        fitting = [kind for kind in self.engine.volume_types if named in (None, kind.name)]
        return (fitting or [*self.engine.volume_types])[0]

    def storebase(self, values: Values) -> Any:
        """Return STOREBASE; if unset, STOREBASE_MOUNT for engines whose jobs see storeBase at the same path."""
        own = values.get(variable(ComputeSettings, "storebase"))
        if own is None and self.engine is not None and self.engine.sees_storebase_here:
            return values.get(variable(StorageSettings, "storebase_mount"))
        return own


def choose(environ: Mapping[str, str]) -> tuple[Chosen, KnownSettings, list[str]]:
    """Load the chosen engine and storage. Return them, all known settings, and a line for each that can't be loaded.

    Other faults of their names are not returned here: they are found when all settings are parsed.
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
    """Return STORAGE_ENV; if unset, the default that depends on PFCON_INNETWORK."""
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
