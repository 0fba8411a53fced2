"""Sections: frozen dataclasses whose fields are settings. Each setting is declared once, in its section.

    @dataclass(frozen=True)
    class ToySettings:
        grace: int = setting("TOY_GRACE", kinds.number(1, 600, "seconds"), "Time to end by itself.", default="5")

``build`` creates a section from parsed values, ``texts`` is the inverse. The documentation, the checks and the files of
secrets are generated from the declarations.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar, overload

from pfcon.settings.kinds import Kind
from pfcon.settings.variable import Values, Variable

T = TypeVar("T")
S = TypeVar("S")

_VARIABLE = "pfcon.variable"


@overload
def setting(name: str, kind: Kind[T], meaning: str, *, default: str, **options: Any) -> T: ...
@overload
def setting(name: str, kind: Kind[T], meaning: str, *, required: Literal[True], **options: Any) -> T: ...
@overload
def setting(name: str, kind: Kind[T], meaning: str, *, derived: Literal[True], **options: Any) -> T: ...
@overload
def setting(name: str, kind: Kind[T], meaning: str, *, unset: T, **options: Any) -> T: ...
@overload
def setting(name: str, kind: Kind[T], meaning: str, **options: Any) -> T | None: ...
def setting(
    name: str, kind: Kind[Any], meaning: str, *, unset: Any = None, derived: bool = False, **options: Any
) -> Any:
    """Return a dataclass field that is read from an environment variable.

    options: those of ``Variable``. unset: the field's value when the variable is neither set nor has a default.
    derived: the caller of ``build`` passes the value, which may depend on other settings.
    """
    variable: Variable[Any] = Variable(name, kind, meaning, **options)
    known: dict[str, Any] = {"metadata": {_VARIABLE: variable}, "repr": not variable.secret}
    if variable.default is not None and not derived:
        known["default"] = kind.parse(variable.default)
    elif not variable.required and not derived:
        known["default"] = unset
    return field(**known)


def variables(section: type[Any] | Any) -> tuple[Variable[Any], ...]:
    """Return the variables of a section, in the order of its fields."""
    return tuple(_by_field(section).values())


def variable(section: type[Any], name: str) -> Variable[Any]:
    """Return the variable of a field. Raises KeyError for a field that is not a variable."""
    return _by_field(section)[name]


def build(section: type[S], values: Values, **given: Any) -> S:
    """Return a section with the parsed values. given: fields that are derived or not variables.

    Raises TypeError for a required variable without a value; the rules must be checked before.
    """
    found = {
        name: values.parsed[known.name] for name, known in _by_field(section).items() if known.name in values.parsed
    }
    return section(**{**found, **given})


def texts(section: Any) -> dict[str, str]:
    """Return the texts, by variable name, from which the section can be read again; without those that are None."""
    pairs = ((known.name, getattr(section, name)) for name, known in _by_field(section).items())
    return {name: str(value) for name, value in pairs if value is not None}


def _by_field(section: type[Any] | Any) -> Mapping[str, Variable[Any]]:
    return {known.name: known.metadata[_VARIABLE] for known in fields(section) if _VARIABLE in known.metadata}


@dataclass(frozen=True)
class NoSettings:
    """The section of a component without settings."""
