"""The description of an engine: its name, its settings, what it requires and supports, and how it is created.

``engines`` lists pfcon's own engines. Another package provides one with an entry point of the group ``pfcon.compute``
that names an EngineDescription. pfcon has no other knowledge about a specific engine.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pfcon.compute.base import ComputeEngine
from pfcon.compute.settings import ComputeSettings, JobOption, VolumeType
from pfcon.paths import StoreBase
from pfcon.settings.rules import Rule, no_rules
from pfcon.settings.section import NoSettings

S = TypeVar("S")


@dataclass(frozen=True)
class EngineContext(Generic[S]):
    """The arguments for creating an engine.

    compute: the settings that all engines share. own: the engine's own section. storebase: the directory of jobs' data,
    by its path in this process. workers: processes of this service that use the engine at the same time.
    """

    compute: ComputeSettings
    own: S
    storebase: StoreBase
    workers: int


@dataclass(frozen=True)
class EngineDescription(Generic[S]):
    """One engine.

    name: the value of CONTAINER_ENV. aliases: further values that mean the same.
    title: a text for people.
    make: creates the engine; imports its modules only when called; does not connect. Raises ConfigurationError.
    settings: the section of its own settings (see ``pfcon.settings.section``).
    volume_types: the ways in which it can access storeBase; the first is its default.
    options: options of jobs that it supports; others are refused. requires: options that must be set.
    lacks: why it does not support the other options (JobOption) and fields of jobs (JobField), by name; each is one
    sentence or more for users, without a full stop at the end. Its jobs have all fields that are not here.
    notes: what users have to know of those that it supports, by name, in the same form.
    sees_storebase_here: its jobs have storeBase at the same path as this service, so that STOREBASE may be omitted.
    rules: check combinations of its settings.
    """

    name: str
    title: str
    make: Callable[[EngineContext[S]], ComputeEngine]
    settings: type[S] = NoSettings  # type: ignore[assignment]  # then S is NoSettings
    volume_types: tuple[VolumeType, ...] = ()
    aliases: tuple[str, ...] = ()
    options: frozenset[JobOption] = frozenset()
    requires: frozenset[JobOption] = frozenset()
    lacks: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    sees_storebase_here: bool = False
    rules: Rule = no_rules
