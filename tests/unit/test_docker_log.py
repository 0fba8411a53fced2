"""The multiplexed log stream and its last part."""

from hypothesis import given
from hypothesis import strategies as st

from pfcon.compute.docker_api.log import LOG_BYTES, LogTail


def frame(payload: bytes, stream: int = 1) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload


def text_of(stream: bytes, lines: int = 1000, limit: int = LOG_BYTES, step: int = 65536) -> str:
    log = LogTail(limit)
    for start in range(0, len(stream), step):
        log.feed(stream[start : start + step])
    return log.text(lines)


@given(st.lists(st.text(max_size=40).map(str.encode), max_size=20), st.integers(1, 50))
def test_any_cutting_of_the_stream_gives_the_same_text(payloads: list[bytes], step: int) -> None:
    stream = b"".join(frame(payload, 1 + number % 2) for number, payload in enumerate(payloads))
    whole = b"".join(payloads).decode().replace("\0", "\ufffd")
    assert text_of(stream, lines=10**6, step=step) == whole


def test_only_the_last_lines_are_given() -> None:
    stream = frame(b"one\ntw") + frame(b"o\n", 2) + frame(b"three\n")
    assert text_of(stream, 2) == "two\nthree\n"
    assert text_of(stream, 3) == text_of(stream, 4) == "one\ntwo\nthree\n"
    assert text_of(stream, 0) == ""
    assert text_of(stream + frame(b"end"), 2) == "three\nend"


def test_a_long_log_is_cut_in_front_at_a_whole_character() -> None:
    text = text_of(b"".join(frame("é€".encode() * 3) for _ in range(100)), limit=100)
    assert text.endswith("é€é€")
    assert 95 <= len(text.encode()) <= 100
    assert "\ufffd" not in text


def test_bytes_that_are_no_text_do_not_break_the_limit() -> None:
    text = text_of(frame(b"\xff" * 300), limit=100)
    assert set(text) == {"\ufffd"}
    assert 95 <= len(text.encode()) <= 100


def test_no_more_than_the_limit_and_one_frame_is_kept() -> None:
    log = LogTail(1000)
    for _ in range(10_000):
        log.feed(frame(b"x" * 99 + b"\n"))
    assert log.seen == 1_000_000
    assert len(log.text(10**6)) == 1000


def test_a_stream_that_breaks_off_in_a_header_gives_what_came() -> None:
    assert text_of(frame(b"one\n") + b"\x01\x00\x00") == "one\n"
