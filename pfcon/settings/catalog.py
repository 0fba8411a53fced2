"""Components by name: pfcon's own, and those that other packages offer by entry points.

What another package offers is loaded only when a setting names it: a broken one harms nobody else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from pfcon.errors import ConfigurationError
from pfcon.settings.kinds import Kind, one_of

if TYPE_CHECKING:  # it takes 0.05 s to import
    from importlib.metadata import EntryPoint


class Described(Protocol):
    """A description of a component."""

    @property
    def name(self) -> str:
        """What the setting calls it."""
        ...

    @property
    def aliases(self) -> tuple[str, ...]:
        """Further values of the setting that mean the same."""
        ...


D = TypeVar("D", bound=Described)


@dataclass(frozen=True)
class Catalog(Generic[D]):
    """The components of one sort.

    variable: the environment variable that names one. group: of the entry points in which other packages offer
    descriptions, each by its component's name. expected: the class of the descriptions. built_in: pfcon's own.
    """

    variable: str
    group: str
    expected: type[D]
    built_in: tuple[D, ...]

    def kind(self) -> Kind[str]:
        """One of pfcon's own names, as the documentation has it."""
        return one_of((known.name for known in self.built_in), dict(self._aliases()))

    def kind_for(self, text: str | None) -> Kind[str]:
        """The kind that reads a text: where that is no name of pfcon's own, one with what other packages offer here.

        To look for these takes longer than all else that is done with settings.
        """
        own = self.kind()
        try:
            own.parse(text or "")
        except ValueError:
            return self._kind_here() if text else own
        return own

    def _kind_here(self) -> Kind[str]:
        return one_of((*(known.name for known in self.built_in), *self._offered()), dict(self._aliases()))

    def find(self, name: str) -> D:
        """The description of this name. Raises ConfigurationError where there is none, or it can't be loaded."""
        for known in self.built_in:
            if name == known.name:
                return known
        offered = self._offered()
        if name not in offered:
            raise self._fault(name, f"it accepts {self._kind_here().accepts}")
        return self._load(offered[name])

    def _load(self, point: "EntryPoint") -> D:
        origin = f"what the package {point.dist.name if point.dist else '?'} offers by that name"
        try:
            found = point.load()
        except Exception as error:
            raise self._fault(point.name, f"{origin} can't be loaded: {type(error).__name__}: {error}") from error
        if not isinstance(found, self.expected):
            raise self._fault(point.name, f"{origin} is no {self.expected.__name__}")
        if found.name != point.name:
            raise self._fault(point.name, f"{origin} calls itself {found.name!r}")
        return found

    def _fault(self, name: str, reason: str) -> ConfigurationError:
        return ConfigurationError([f"{self.variable}: got {name!r}; {reason}"])

    def _offered(self) -> "dict[str, EntryPoint]":
        """By name, not loaded. pfcon's own names are not for others."""
        from importlib.metadata import entry_points

        own = {known.name for known in self.built_in} | {alias for alias, _ in self._aliases()}
        return {point.name: point for point in entry_points(group=self.group) if point.name not in own}

    def _aliases(self) -> Iterator[tuple[str, str]]:
        return ((alias, known.name) for known in self.built_in for alias in known.aliases)
