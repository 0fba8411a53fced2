"""Limits for what a client may send."""

from dataclasses import dataclass

from pfcon.settings import kinds
from pfcon.settings.section import setting


@dataclass(frozen=True)
class UploadLimits:
    """Limits for what a client may send. Sizes are in bytes; 0 means no limit, except for ``form_bytes``."""

    upload_bytes: int = setting(
        "PFCON_MAX_UPLOAD_BYTES", kinds.size(), "Maximal size of an uploaded zip.", default="256 GiB"
    )
    unpacked_bytes: int = setting(
        "PFCON_MAX_UNPACKED_BYTES",
        kinds.size(),
        "Maximal sum of the sizes of an upload's unpacked files, with its links expanded.",
        default="1 TiB",
    )
    files: int = setting(
        "PFCON_MAX_FILES",
        kinds.number(0, 10**12),
        "Maximal number of an upload's files and directories, with its links expanded; 0 means no limit.",
        default="2000000",
    )
    ratio: int = setting(
        "PFCON_MAX_RATIO",
        kinds.number(0, 10**6),
        "Maximal number of unpacked bytes for each byte of an upload, with its links expanded; 0 means no limit.",
        default="250",
    )
    free_bytes: int = setting(
        "PFCON_MIN_FREE_BYTES",
        kinds.size(),
        "Space of storeBase that must stay free: uploads and inputs that would use it are refused.",
        default="256 MiB",
    )
    form_bytes: int = setting(
        "PFCON_MAX_FORM_BYTES",
        kinds.size(low=64 * 1024),
        "Maximal size of a request, without its zip.",
        default="4 MiB",
    )
