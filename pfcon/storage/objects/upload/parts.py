"""How a large file is divided into the parts of a multipart upload. Pure."""

from collections.abc import Iterator

from pfcon.errors import Refused
from pfcon.storage.objects.store import Limits
from pfcon.units import MIB, human_bytes

LARGE = 256 * MIB  # bytes; smaller files are sent in one request
PART_SIZE = 64 * MIB  # bytes; large enough that a request's fixed cost is small, and that several are sent in parallel


def choose_part_size(size: int, limits: Limits) -> int | None:
    """Return the part size in bytes for a file of ``size`` bytes, or None if one request sends the whole file.

    Deterministic: a later attempt divides the same file into the same parts. Raises Refused if the file is larger than
    the store's largest object.
    """
    if size <= min(LARGE, limits.single_max) or (not limits.parts_max and size <= limits.single_max):
        return None
    most = max(limits.single_max, limits.part_max * limits.parts_max)
    if size > most:
        raise Refused(f"it has {human_bytes(size)}, and the store accepts objects of at most {human_bytes(most)}")
    needed = -(-size // limits.parts_max)
    return min(-(-max(PART_SIZE, limits.part_min, needed) // MIB) * MIB, limits.part_max)


def part_ranges(size: int, part_size: int) -> Iterator[tuple[int, int]]:
    """Yield the offset and the length in bytes of each part, in order."""
    for start in range(0, size, part_size):
        yield start, min(part_size, size - start)
