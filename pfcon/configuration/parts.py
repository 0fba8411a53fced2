"""The variables of all parts of pfcon, and which of them an engine or a storage uses."""

from dataclasses import dataclass, field, replace
from typing import Any

from pfcon.archive.limits import UploadLimits
from pfcon.compute.description import EngineDescription
from pfcon.compute.engines import ENGINES
from pfcon.compute.settings import ComputeSettings, JobOption, VolumeType
from pfcon.configuration.model import Settings
from pfcon.settings.kinds import Kind, one_of
from pfcon.settings.parsing import APPLICATION_MODE
from pfcon.settings.section import variable, variables
from pfcon.settings.service import AuthSettings, ServerSettings
from pfcon.settings.variable import Variable
from pfcon.storage.description import StorageDescription
from pfcon.storage.settings import StorageSettings
from pfcon.storage.storages import STORAGES

CONTAINER_ENV: Variable[str] = variable(ComputeSettings, "engine")
COMPUTE_VOLUME_TYPE: Variable[str] = variable(ComputeSettings, "volume_type")
STORAGE_ENV: Variable[str] = variable(StorageSettings, "name")
PFCON_INNETWORK: Variable[bool] = variable(StorageSettings, "innetwork")

Group = tuple[Variable[Any], ...]


@dataclass(frozen=True)
class Parts:
    """The engines and storages whose settings are known: those of pfcon, and the chosen ones of other packages."""

    engines: tuple[EngineDescription[Any], ...] = ENGINES.built_in
    storages: tuple[StorageDescription[Any], ...] = STORAGES.built_in
    engine_kind: Kind[str] = field(default_factory=ENGINES.kind)
    storage_kind: Kind[str] = field(default_factory=STORAGES.kind)

    @property
    def groups(self) -> dict[str, Group]:
        """All variables by the title of their group, each once."""
        found: dict[str, Group] = {
            "Service": (APPLICATION_MODE, *variables(AuthSettings), *variables(ServerSettings), *variables(Settings)),
            "Storage": (*self._refined(StorageSettings), *variables(UploadLimits)),
        }
        found |= {f"Storage `{storage.name}`": variables(storage.settings) for storage in self.storages}
        found["Compute"] = self._refined(ComputeSettings)
        found |= {f"Engine `{engine.name}`": variables(engine.settings) for engine in self.engines}
        seen = set[str]()
        first = {title: tuple(one for one in group if _is_new(one, seen)) for title, group in found.items()}
        return {title: group for title, group in first.items() if group}

    @property
    def variables(self) -> Group:
        """All variables."""
        return tuple(variable for group in self.groups.values() for variable in group)

    @property
    def volume_types(self) -> tuple[VolumeType, ...]:
        """Those of all engines, each once."""
        return tuple(dict.fromkeys(kind for engine in self.engines for kind in engine.volume_types))

    def users(self, variable: Variable[Any]) -> tuple[str, ...]:
        """The engines and storages that use a variable; empty where all do, or it is the service's own."""
        engines = tuple(engine.name for engine in self.engines if _uses(engine, variable))
        storages = tuple(storage.name for storage in self.storages if variable in variables(storage.settings))
        return (*engines, *storages)

    def _refined(self, section: type[Any]) -> Group:
        """The variables of a section; those that name a component accept the names that are known."""
        kinds = {
            CONTAINER_ENV.name: self.engine_kind,
            STORAGE_ENV.name: self.storage_kind,
            COMPUTE_VOLUME_TYPE.name: one_of(kind.name for kind in self.volume_types),
        }
        return tuple(replace(known, kind=kinds.get(known.name, known.kind)) for known in variables(section))


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
