"""Listing a store with patience: a listing that breaks off goes on where it was."""

from collections.abc import Iterator

from pfcon.storage.objects.retrying import Retrying
from pfcon.storage.objects.store import Listed, ObjectStore, Transient


def pages(
    store: ObjectStore, retrying: Retrying, prefix: str, *, delimited: bool = False, limit: int = 0
) -> Iterator[list[Listed]]:
    """``ObjectStore.pages``, none of them empty. Raises Unreachable, Refused, Cancelled.

    A store's own iterator ends with a fault. The listing is begun anew then, and what was seen already is skipped.
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
