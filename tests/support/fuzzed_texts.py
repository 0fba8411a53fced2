"""Texts and bytes that nobody would send, for requests of the fuzzing tests."""

from typing import Any
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

JIDS = ("fuzz-1", "fuzz-2", "fuzz-3", "fuzz-3-copy")


def rarely(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any], times: int = 9) -> st.SearchStrategy[Any]:
    """``usual`` so many times as often as ``odd``."""
    return st.integers(0, times).flatmap(lambda drawn: odd if drawn == times else usual)


hostile_texts = st.sampled_from(
    [
        *("", " ", "\0", "a\0b", "\n", "..", "../..", "/", "//", "a/../b", ".pfcon", ".pfcon/records", "key-fuzz-1"),
        *(
            "n" * 300,
            "n/" * 1500,
            "é" * 200,
            "\ud800",
            "\udc80\udcff",
            "\u202e",
            "\ufeff",
            "\U0001f600" * 64,
            "%00",
            "%s%n",
        ),
        *("-1", "0", "1e9", "9" * 30, "NaN", "true", "'; DROP TABLE jobs; --", "${HOME}", "$(id)", "<b>", "a=b", "="),
        *("home/in/l.chrislink", "home/in/a.txt", "home/in/loop", "home/in/loop/loop/x", "home/in/a.txt/x"),
    ]
)
texts = st.one_of(hostile_texts, st.text(max_size=40))
raw = st.one_of(texts.map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=60))
quoted = st.one_of(
    raw.map(quote_from_bytes),
    raw.map(lambda value: quote_from_bytes(value, safe="/")),
    st.sampled_from(["%", "%zz", "%u0041", "+"]),
)
