"""What an engine says of itself: its name, its settings, what it needs and can do, and how it is made.

pfcon has a list of its own engines (``engines``); another package offers one by an entry point of the group
``pfcon.compute`` that names an EngineDescription. All that pfcon knows of an engine by name follows from these.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pfcon.compute.base import ComputeEngine
from pfcon.compute.settings import ComputeSettings, JobOption, VolumeType
from pfcon.paths import StoreBase
from pfcon.settings.rules import Rule, no_rules
from pfcon.settings.section import NoSettings

S = TypeVar("S")


@dataclass(frozen=True)
class EngineContext(Generic[S]):
    """What an engine is made of.

    compute: the settings that all engines share. own: the engine's own section. storebase: the directory of jobs' data,
    as this process sees it. workers: processes of this service that use the engine at the same time.
    """

    compute: ComputeSettings
    own: S
    storebase: StoreBase
    workers: int


@dataclass(frozen=True)
class EngineDescription(Generic[S]):
    """One engine.

    name: the value of CONTAINER_ENV. aliases: further values that mean the same.
    title: what it is, for people.
    make: gives the engine; imports its modules only then, connects to nothing. Raises ConfigurationError.
    settings: the section of its own settings (see ``pfcon.settings.section``).
    volume_types: how it can reach storeBase; the first is its default.
    options: options of jobs that it has; others are refused. requires: those of them that it can't do without.
    sees_storebase_here: its jobs see storeBase where this service does, so that STOREBASE may be left out.
    rules: how its settings go together.
    """

    name: str
    title: str
    make: Callable[[EngineContext[S]], ComputeEngine]
    settings: type[S] = NoSettings  # type: ignore[assignment]  # S is NoSettings then
    volume_types: tuple[VolumeType, ...] = ()
    aliases: tuple[str, ...] = ()
    options: frozenset[JobOption] = frozenset()
    requires: frozenset[JobOption] = frozenset()
    sees_storebase_here: bool = False
    rules: Rule = no_rules
