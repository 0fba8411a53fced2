"""What a method of a resource takes and answers, besides what its types and its resource say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pfcon.api.fields import Form, Schema
from pfcon.errors import PfconError

M = TypeVar("M", bound=Callable[..., Any])

TEXT: Schema = {"type": "string"}
BINARY: Schema = {"type": "string", "format": "binary"}
EVENT_STREAM: Schema = {"description": "Server-Sent Events"}  # OpenAPI 3.1 has no words for the events of a stream


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of a resource. The answer's JSON is the type that the method returns.

    status: of an answer that is no error. form, parameters: what the parser reads. headers: those of the request that
    it reads. body: the type of the JSON that it takes. errors: those that it raises, but not
    those of all requests. content: by media type, a JSON Schema or a type, for a method that returns a Response.
    conditional: whether it answers 304 to who has a copy. ranges: the media types of which it answers a part, with 206.
    other: statuses with the same JSON as ``status``.
    mentions: types that the description names. token: whether it checks a token by itself.
    """

    status: int = 200
    form: Form | None = None
    parameters: Form | None = None
    headers: Form | None = None
    body: type | None = None
    errors: tuple[type[PfconError], ...] = ()
    content: Mapping[str, Schema | type] = field(default_factory=dict)
    conditional: bool = False
    ranges: tuple[str, ...] = ()
    other: Mapping[int, str] = field(default_factory=dict)
    mentions: tuple[type, ...] = ()
    token: bool = False


def operation(**values: Any) -> Callable[[M], M]:
    """Decorator of a resource's method. values: the fields of Operation."""
    described = Operation(**values)

    def decorate(method: M) -> M:
        method.operation = described  # type: ignore[attr-defined]  # a function has room for more
        return method

    return decorate


def operation_of(method: Callable[..., Any]) -> Operation:
    """Return what ``operation`` has noted. Raises AttributeError for a method without the decorator."""
    described: Operation = method.operation  # type: ignore[attr-defined]  # see above
    return described
