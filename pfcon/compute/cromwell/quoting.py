"""Words for a shell command within WDL. Pure.

What arrives in the job is exactly what was asked for, though it passes through WDL's grammar, where ``~{`` and ``>>>``
mean something, through Cromwell, which takes common indentation off the lines of a command and may change their ends,
and through the shell of the job's image. A word is therefore one line of ASCII: quoted as it is where that is safe, and
spelled out in octal where it is not (POSIX, printf, ``%b``).
"""

import re
import shlex

from pfcon.errors import Refused

NEWLINE = "pfcon_n"
"""The shell variable that has to hold a line end where words are used: ``$(…)`` would take it off a word's end."""

_PLAIN = re.compile(r"[\x20-\x7e]*")
_SPECIAL = re.compile(r"\\|[~$]\{|>>>")  # backslash, placeholder, end of the command
_LITERAL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _./:=,@+")


def shell_word(text: str) -> str:
    """Return the text as one word of a POSIX shell. Raises Refused for a text that can't be an argument."""
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
        raise Refused("a word of the command or of its environment has a character that no program can be given")
    return raw


def wdl_string(text: str) -> str:
    """The text as a string literal of WDL 1.0, in double quotes.

    Raises Refused for line ends and other control characters: what they are meant for here takes one line.
    """
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in text):
        raise Refused(f"Cromwell can't be told of {text!r}: it has a line end or another control character")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("~{", "\\u007e{").replace("${", "\\u0024{") + '"'
