"""Listings with retries: an interrupted listing is resumed."""

from collections.abc import Iterator

from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.store import Listed, ObjectStore, Transient


def pages(
    store: ObjectStore, retrying: Retrying, prefix: str, *, delimited: bool = False, limit: int = 0
) -> Iterator[list[Listed]]:
    """Yield the pages of ``ObjectStore.pages``, without empty ones. Raises Unreachable, Refused, Cancelled.

    A store's iterator can't be used after an error: the listing is restarted then, and names up to the last one that
    was yielded are skipped.
    """
    listing: Iterator[list[Listed]] | None = None
    last = ""

    def following() -> list[Listed] | None:
        nonlocal listing
        if listing is None:
            listing = store.pages(prefix, delimited=delimited, limit=limit)
        try:
            for page in listing:
                retrying.check()
                if page and page[0].name > last:
                    return page
                if page and page[-1].name > last:
                    return [listed for listed in page if listed.name > last]
        except Transient:
            listing = None
            raise
        return None

    while (page := retrying.call(f"listing {prefix!r} in {store.place}", following)) is not None:
        yield page
        last = page[-1].name
