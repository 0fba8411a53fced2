"""The variables of all components of pfcon, and which engine or storage uses each."""

from dataclasses import dataclass, field, replace
from typing import Any

from pfcon.archive.limits import UploadLimits
from pfcon.compute.description import EngineDescription
from pfcon.compute.engines import DEFAULT, ENGINES
from pfcon.compute.settings import ComputeSettings, JobOption, VolumeType
from pfcon.configuration.model import Settings
from pfcon.settings.client import ClientSettings
from pfcon.settings.jobs import ActiveLimits, RetentionSettings
from pfcon.settings.kinds import Kind, listing, one_of
from pfcon.settings.log import LogSettings
from pfcon.settings.parsing import APPLICATION_MODE
from pfcon.settings.section import variable, variables
from pfcon.settings.service import AuthSettings, MetricsSettings, ServerSettings, WebhookSettings
from pfcon.settings.variable import Variable
from pfcon.storage.description import StorageDescription
from pfcon.storage.settings import StorageSettings
from pfcon.storage.storages import STORAGES, default_storage

CONTAINER_ENV: Variable[str] = replace(variable(ComputeSettings, "engine"), default=DEFAULT.name)
COMPUTE_VOLUME_TYPE: Variable[str] = variable(ComputeSettings, "volume_type")
STORAGE_ENV: Variable[str] = variable(StorageSettings, "name")
PFCON_INNETWORK: Variable[bool] = variable(StorageSettings, "innetwork")

SERVICE = (AuthSettings, ServerSettings, Settings, WebhookSettings, MetricsSettings, LogSettings)

Group = tuple[Variable[Any], ...]


@dataclass(frozen=True)
class KnownSettings:
    """The known settings: those of pfcon's engines and storages, and of the chosen plugins."""

    engines: tuple[EngineDescription[Any], ...] = ENGINES.built_in
    storages: tuple[StorageDescription[Any], ...] = STORAGES.built_in
    engine_kind: Kind[str] = field(default_factory=ENGINES.kind)
    storage_kind: Kind[str] = field(default_factory=STORAGES.kind)

    @property
    def groups(self) -> dict[str, Group]:
        """All variables by the title of their group; each occurs once."""
        found: dict[str, Group] = {
            "Service": (APPLICATION_MODE, *(one for section in SERVICE for one in variables(section))),
            "Active jobs and retention": (*variables(ActiveLimits), *variables(RetentionSettings)),
            "Storage": (*self._refined(StorageSettings), *variables(UploadLimits)),
        }
        found |= {f"Storage `{storage.name}`": variables(storage.settings) for storage in self.storages}
        found["Compute"] = self._refined(ComputeSettings)
        found |= {f"Engine `{engine.name}`": variables(engine.settings) for engine in self.engines}
        found["Command line"] = variables(ClientSettings)
        seen = set[str]()
        first = {title: tuple(one for one in group if _is_new(one, seen)) for title, group in found.items()}
        return {title: group for title, group in first.items() if group}

    @property
    def variables(self) -> Group:
        """All variables."""
        return tuple(variable for group in self.groups.values() for variable in group)

    @property
    def volume_types(self) -> tuple[VolumeType, ...]:
        """The volume types of all engines; each occurs once."""
        return tuple(dict.fromkeys(kind for engine in self.engines for kind in engine.volume_types))

    def users(self, variable: Variable[Any]) -> tuple[str, ...]:
        """Return the names of the engines and storages that use a variable; empty if it is not specific to any."""
        engines = tuple(engine.name for engine in self.engines if _uses(engine, variable))
        storages = tuple(storage.name for storage in self.storages if variable in variables(storage.settings))
        return (*engines, *storages)

    def _default_storages(self) -> str:
        return f"`{default_storage(True)}` in-network, else `{default_storage(False)}`"

    def _default_volume_types(self) -> str:
        firsts = {kind.name: listing(self._defaulting_to(kind), "and") for kind in self.volume_types}
        return ", ".join(f"`{name}` for {engines}" for name, engines in firsts.items() if engines)

    def _defaulting_to(self, kind: VolumeType) -> list[str]:
        return [engine.name for engine in self.engines if engine.volume_types[:1] == (kind,)]

    def _refined(self, section: type[Any]) -> Group:
        """Return the variables of a section; those that choose a component accept the known names."""
        refined: dict[str, Variable[Any]] = {
            CONTAINER_ENV.name: replace(CONTAINER_ENV, kind=self.engine_kind),
            STORAGE_ENV.name: replace(STORAGE_ENV, kind=self.storage_kind, note=self._default_storages()),
            COMPUTE_VOLUME_TYPE.name: replace(
                COMPUTE_VOLUME_TYPE,
                kind=one_of(kind.name for kind in self.volume_types),
                note=self._default_volume_types(),
            ),
        }
        return tuple(refined.get(known.name, known) for known in variables(section))


def _uses(engine: EngineDescription[Any], variable: Variable[Any]) -> bool:
    return (
        variable in variables(engine.settings)
        or variable.name in {kind.variable for kind in engine.volume_types}
        or (variable.name in set(JobOption) and JobOption(variable.name) in engine.options)
    )


def _is_new(variable: Variable[Any], seen: set[str]) -> bool:
    new = variable.name not in seen
    seen.add(variable.name)
    return new
