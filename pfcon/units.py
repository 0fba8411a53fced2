"""All conversions of units. pfcon uses millicores and MiB."""

MINUTE = 60.0  # seconds
MIB = 1024 * 1024
NANO_PER_MILLI = 1_000_000
NANO_PER_SECOND = 1_000_000_000
DAY = 24 * 3600.0  # seconds


def mib_to_bytes(mib: int) -> int:
    """Convert MiB to bytes. Engines get bytes, never a suffix: ``m`` has different meanings for them."""
    return mib * MIB


def millicores_to_nanocpus(millicores: int) -> int:
    """Convert millicores to Docker's NanoCpus (10^-9 cores)."""
    return millicores * NANO_PER_MILLI


def millicores_to_cores(millicores: int) -> int:
    """Convert millicores to whole cores, rounded up, at least 1: for engines that can't share a core."""
    return max(1, -(-millicores // 1000))


def human_bytes(count: int) -> str:
    """Format a number of bytes for a message, in binary units: ``1.5 GiB``."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or (unit == "GiB" and size < 10240):
            return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def human_cores(nanocpus: int) -> str:
    """Format an amount of CPU (10^-9 cores) for a message: ``1.5 cores``."""
    return f"{nanocpus / (1000 * NANO_PER_MILLI):g} cores"


def human_age(seconds: float | None) -> str:
    """Format an age for a message: ``3.5 days``, ``2.0 hours``; None is an unknown one."""
    if seconds is None:
        return "unknown age"
    return f"{seconds / DAY:.1f} days" if seconds >= DAY else f"{seconds / 3600:.1f} hours"
