"""What the OpenAPI document says about a value. It stands beside the value's type: ``Annotated[str, About("...")]``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any


@dataclass(frozen=True)
class About:
    """text: for authors of clients, without a period at its end. schema: further keywords of JSON Schema."""

    text: str
    schema: Mapping[str, Any] = field(default_factory=dict, hash=False)


TIME = {"anyOf": [{"const": ""}, {"format": "date-time"}]}
"""The keywords of a time in ISO 8601; ``""`` while it is not known."""

Created = Annotated[str, About("when the service accepted the job", TIME)]
Placed = Annotated[
    str,
    About("when the engine had found a place for the job, such as a node; of several workers, for the first one", TIME),
]
Started = Annotated[str, About("when the command started; of several workers, the first one's", TIME)]
Finished = Annotated[str, About("when the job ended", TIME)]
ExitCode = Annotated[
    int | None,
    About("128 + N if signal N killed the command; of several workers, that of the one that failed"),
]
ReasonCode = Annotated[str, About("a code of why the job failed, or can't start now; empty if there is none")]
