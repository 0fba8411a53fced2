"""Finds components by name: pfcon's own ones, and plugins of other packages by their entry points.

A plugin is loaded only when a setting names it: a broken plugin has no effect otherwise.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pfcon.errors import ConfigurationError
from pfcon.settings.kinds import Kind, one_of

if TYPE_CHECKING:  # it takes 0.05 s to import
    from importlib.metadata import EntryPoint


class Described(Protocol):
    """The description of a component."""

    @property
    def name(self) -> str:
        """The value of the setting that chooses it."""
        ...

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other values of the setting with the same meaning."""
        ...

    @property
    def make(self) -> Callable[[Any], Any]:
        """Creates the component from its context."""
        ...


D = TypeVar("D", bound=Described)


@dataclass(frozen=True)
class Catalog(Generic[D]):
    """The components of one type.

    variable: the environment variable that chooses one. group: the entry point group for other packages; the name of an
    entry point is the component's. expected: the class of the descriptions. built_in: pfcon's own descriptions.
    """

    variable: str
    group: str
    expected: type[D]
    built_in: tuple[D, ...]

    def kind(self) -> Kind[str]:
        """Return the kind that accepts the names of pfcon's own components, as documented."""
        return one_of((known.name for known in self.built_in), dict(self._aliases()))

    def kind_for(self, text: str | None) -> Kind[str]:
        """Return the kind that parses ``text``. Only if no component of pfcon has that name, plugins are included.

        Searching for plugins takes longer than everything else that is done with settings.
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
        """Return the description with this name. Raises ConfigurationError when it is missing or can't be loaded."""
        for known in self.built_in:
            if name == known.name:
                return known
        offered = self._offered()
        if name not in offered:
            raise self._fault(name, f"it accepts {self._kind_here().accepts}")
        return self._load(offered[name])

    def create(self, name: str, context: Any) -> Any:
        """Return the component that the description with this name creates. context: the argument of its ``make``.

        Raises ConfigurationError, also for any error in the code of another package.
        """
        described = self.find(name)
        try:
            return described.make(context)
        except ConfigurationError:
            raise
        except Exception as error:
            if described in self.built_in:
                raise
            reason = f"its package could not create it: {type(error).__name__}: {error}"
            raise self._fault(name, reason) from error

    def _load(self, point: "EntryPoint") -> D:
        origin = f"the entry point of the package {point.dist.name if point.dist else '?'}"
        try:
            found = point.load()
        except Exception as error:
            raise self._fault(point.name, f"{origin} can't be loaded: {type(error).__name__}: {error}") from error
        if not isinstance(found, self.expected):
            raise self._fault(point.name, f"{origin} is not of type {self.expected.__name__}")
        if found.name != point.name:
            raise self._fault(point.name, f"{origin} has the name {found.name!r}")
        return found

    def _fault(self, name: str, reason: str) -> ConfigurationError:
        return ConfigurationError([f"{self.variable}: got {name!r}; {reason}"])

    def _offered(self) -> "dict[str, EntryPoint]":
        """Return the plugins by name, not loaded. A plugin can't replace a component of pfcon."""
        from importlib.metadata import entry_points

        own = {known.name for known in self.built_in} | {alias for alias, _ in self._aliases()}
        return {point.name: point for point in entry_points(group=self.group) if point.name not in own}

    def _aliases(self) -> Iterator[tuple[str, str]]:
        return ((alias, known.name) for known in self.built_in for alias in known.aliases)
