"""Texts for a terminal."""


def printable(text: str) -> str:
    """Escape what is not printable: clients choose some of the values."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
