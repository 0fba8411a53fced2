"""Limits for what a client may send."""

from dataclasses import dataclass

from pfcon.settings import kinds
from pfcon.settings.section import setting


@dataclass(frozen=True)
class UploadLimits:
    """Limits for what a client may send. Sizes are in bytes; 0 is no limit, except for ``form_bytes``."""

    upload_bytes: int = setting("PFCON_MAX_UPLOAD_BYTES", kinds.size(), "Largest upload of a zip.", default="256 GiB")
    unpacked_bytes: int = setting(
        "PFCON_MAX_UNPACKED_BYTES",
        kinds.size(),
        "Largest sum of an upload's unpacked files, with what links in it stand for.",
        default="1 TiB",
    )
    files: int = setting(
        "PFCON_MAX_FILES",
        kinds.number(0, 10**12),
        "Most files and directories of an upload, and of what links in it stand for; 0 is no limit.",
        default="2000000",
    )
    ratio: int = setting(
        "PFCON_MAX_RATIO",
        kinds.number(0, 10**6),
        "Most bytes that a byte of an upload may unpack to, with what links in it stand for; 0 is no limit.",
        default="250",
    )
    free_bytes: int = setting(
        "PFCON_MIN_FREE_BYTES",
        kinds.size(),
        "Free space of storeBase that uploads and inputs never use up; it is reserved before it is used.",
        default="256 MiB",
    )
    form_bytes: int = setting(
        "PFCON_MAX_FORM_BYTES", kinds.size(low=64 * 1024), "Largest request, without its zip.", default="4 MiB"
    )
