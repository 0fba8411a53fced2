"""Quotes the arguments of a shell command in WDL. Pure.

A job gets exactly the requested arguments, although three programs interpret them: the WDL parser, for which ``~{`` and
``>>>`` are special; Cromwell, which removes common indentation from a command and may change its line ends; and the
shell of the job's image. So an argument is one line of ASCII: quoted if that is safe, else encoded in octal (POSIX,
printf, ``%b``).
"""

import re
import shlex

from pfcon.errors import Refused

NEWLINE = "pfcon_n"
"""The shell variable that must contain a newline: ``$(…)`` would remove newlines from the end of an argument."""

_PLAIN = re.compile(r"[\x20-\x7e]*")
_SPECIAL = re.compile(r"\\|[~$]\{|>>>")  # backslash, placeholder, end of the command
_LITERAL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _./:=,@+")


def shell_word(text: str) -> str:
    """Return the text as one argument for a POSIX shell. Raises Refused for a text that can't be an argument."""
    if _PLAIN.fullmatch(text) and not _SPECIAL.search(text):
        return shlex.quote(text)
    raw = _bytes_of(text)
    body = raw.rstrip(b"\n")
    ends = f"${NEWLINE}" * (len(raw) - len(body))
    spelled = "".join(chr(byte) if byte in _LITERAL else f"\\0{byte:03o}" for byte in body)
    return f"\"$(printf %b '{spelled}'){ends}\""


def _bytes_of(text: str) -> bytes:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raw = b"\0"
    if b"\0" in raw:
        raise Refused("the command or its environment has a NUL character, or is not valid Unicode")
    return raw


def wdl_string(text: str) -> str:
    """Return the text as a string literal of WDL 1.0, in double quotes.

    Raises Refused for line ends and other control characters: all texts for which this is used have one line.
    """
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in text):
        raise Refused(f"Cromwell does not accept {text!r}: it contains a line end or another control character")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("~{", "\\u007e{").replace("${", "\\u0024{") + '"'
