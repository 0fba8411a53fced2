"""An endpoint of a webhook, on loopback."""

from collections.abc import Iterator

import pytest
from support.webhooks import Endpoint, endpoint

from pfcon.events import webhook as sending


@pytest.fixture
def hook() -> Iterator[Endpoint]:
    with endpoint() as listening:
        yield listening


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that tests need not wait."""
    monkeypatch.setattr(sending, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(sending, "LONGEST_PAUSE", 0.2)
