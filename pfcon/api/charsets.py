"""Decoding of a multipart field by the character set that it declares (RFC 7578, 4.5).

Only the character sets listed here are accepted. Python has further codecs that are not character sets and are slow,
such as punycode and unicode_escape.
"""

import codecs

_KNOWN = frozenset(
    codecs.lookup(name).name
    for name in (
        *("utf-8", "utf-8-sig", "us-ascii", "utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "utf-32be"),
        *(f"iso-8859-{part}" for part in range(1, 17) if part != 12),  # ISO 8859-12 does not exist
        *(f"windows-{page}" for page in range(1250, 1259)),
        *("ibm437", "ibm850", "ibm852", "ibm866", "koi8-r", "koi8-u", "macintosh", "tis-620"),
        *("shift_jis", "cp932", "euc-jp", "iso-2022-jp", "gb2312", "gbk", "gb18030", "big5", "euc-kr"),
    )
)


def decode_value(raw: bytes, charset: str | None) -> str:
    """Return a field's value as text. charset: the declared one; None means UTF-8.

    Raises ValueError when the character set is unknown or the value is not valid in it. Its text completes "the field
    ..." for clients.
    """
    if charset is None:
        return _decoded(raw, "utf-8", "UTF-8")
    try:
        codec = codecs.lookup(charset).name
    except (LookupError, ValueError):  # ValueError: the name has a NUL, for example
        codec = ""
    if codec not in _KNOWN:
        raise ValueError(f"must be text in UTF-8 or another usual character set, not in {charset[:40]!r}")
    return _decoded(raw, codec, charset)


def _decoded(raw: bytes, codec: str, shown: str) -> str:
    try:
        return raw.decode(codec)
    except UnicodeError:
        raise ValueError(f"must be {shown} text") from None
