"""Reads declared fields of a form or a query, and collects the faults of all of them."""

import re
from collections.abc import Callable
from typing import TypeVar

from pfcon.api.fields import Field, Form, Number, Text
from pfcon.errors import InvalidFields, PfconError

T = TypeVar("T")


class FieldReader:
    """Reads fields of a form and collects the faults of all of them in ``faults``.

    form: the fields that there are. Another one can't be read: its declaration is what clients know of it.
    """

    def __init__(self, fields: dict[str, list[str]], form: Form) -> None:
        self._fields = fields
        self._form = form
        self.faults: dict[str, str] = {}

    def finish(self) -> None:
        """Check that all fields were valid. Raises InvalidFields otherwise."""
        for name, values in self._fields.items():
            if name in self._form and any("\x00" in value for value in values):
                self.faults[name] = "must not contain NUL characters"
        if self.faults:
            raise InvalidFields(self.faults)

    def refuse_others(self) -> None:
        """Note a fault for each field that is not declared, and for each that is repeated without being declared so."""
        for name, values in self._fields.items():
            if name not in self._form:
                self.faults[name] = "unknown parameter"
            elif len(values) > 1 and not self._form[name].repeated:
                self.faults[name] = "must be given only once"

    def has(self, field: Field) -> bool:
        """Whether the request has the field, maybe an empty one."""
        return bool(self._values(field))

    def texts(self, field: Text) -> tuple[str, ...]:
        """Return all values of a field that may be repeated, without empty ones if it drops these."""
        return tuple(value for value in self._values(field) if value or field.empty != "dropped")

    def text(self, field: Field) -> str:
        """Return the last value of a field that has to be there, or "" and a fault."""
        values = self._values(field)
        if not values or not values[-1]:
            self.faults[field.name] = "field is required" if not values else "cannot be empty"
            return ""
        return values[-1]

    def number(self, field: Number, *, most: int | None = None, suffix: str = "") -> int:
        """Return a decimal integer, or the field's default if it has one.

        most: instead of the highest number of the declaration. suffix: follows the range in the message of a fault.
        """
        if field.default is not None and not self.has(field):
            return field.default
        most = most or field.highest
        text = self.text(field)
        if text and (not re.fullmatch(r"[0-9]{1,10}", text) or not field.least <= int(text) <= most):
            self.faults[field.name] = f"must be an integer from {field.least} to {most}{suffix}, got {text[:40]!r}"
        return field.least if field.name in self.faults else int(text)

    def checked(self, field: Field, value: str, check: Callable[[str], T], fallback: T) -> T:
        """Return ``check(value)``; if it raises PfconError or ValueError, record a fault and return ``fallback``."""
        if field.name in self.faults:
            return fallback
        try:
            return check(value)
        except (PfconError, ValueError) as error:
            self.faults[field.name] = str(error)
            return fallback

    def optional(self, field: Field, parse: Callable[[str], T]) -> T | None:
        """Return a parsed value, None without it. An empty one is a fault: it must not mean all of a list."""
        return self.checked(field, self.text(field), parse, None) if self.has(field) else None

    def _values(self, field: Field) -> list[str]:
        if self._form[field.name] is not field:
            raise KeyError(f"{field.name} is another field of this form")
        return self._fields.get(field.name, [])
