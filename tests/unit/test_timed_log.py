"""Copying a log whose engine gives the time of each message: each message once, whatever the engine has dropped."""

import json
import random
from collections.abc import Callable, Iterator

import pytest

from pfcon.compute.docker_api.log import messages as framed
from pfcon.compute.kubernetes.log_lines import messages as lined
from pfcon.compute.log_copy import LOST, LogChunk, copied, number_of_reads
from pfcon.compute.timed_log import Message, TimedSource
from pfcon.errors import Unreachable

Log = list[tuple[float, bytes]]
START = 1_780_000_000


def stamp(second: float) -> bytes:
    whole = int(second)
    day, rest = divmod(whole - 1_779_926_400, 86_400)  # 2026-05-28
    text = f"2026-05-{28 + day:02}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{text}.{int((second - whole) * 1e9):09}Z".encode()


def docker(log: Log, size: int = 7, parts: int = 1, *, newer: bool = False) -> Callable[[int], Iterator[Message]]:
    """As Docker answers: a frame for each message, read in blocks of any size.

    newer: as from 23 on: all messages after the first one since a time. Earlier ones leave out each older message.
    """

    def since(time: int) -> Iterator[Message]:
        raw, begun = b"", False
        for at, data in log:
            whole = int(at)
            if whole * parts + int((at - whole) * 1e9) * parts // 10**9 >= time or (newer and begun):
                begun = True
                payload = stamp(at) + b" " + data
                raw += b"\x01\0\0\0" + len(payload).to_bytes(4, "big") + payload
        blocks = iter([raw[at : at + size] for at in range(0, len(raw), size)])
        return framed(lambda _: next(blocks, b""))

    return since


def kubernetes(log: Log, size: int = 7) -> Callable[[int], Iterator[Message]]:
    """As a kubelet answers: a time before each line, but not before the further parts of one."""

    def since(second: int) -> Iterator[Message]:
        raw = b""
        for at, data in log:
            if at >= second:
                raw += (stamp(at) + b" " if not raw or raw.endswith(b"\n") else b"") + data
        return lined(raw[at : at + size] for at in range(0, len(raw), size))

    return since


def old_kubernetes(log: Log, size: int = 7) -> Callable[[int], Iterator[Message]]:
    """As a kubelet of 1.20 answers: a time before each part of a line, of which no part but the last is short."""

    def since(second: int) -> Iterator[Message]:
        raw = b"".join(stamp(at) + b" " + data for at, data in log if at >= second)
        return lined(raw[at : at + size] for at in range(0, len(raw), size))

    return since


def read(source: TimedSource, cursor: str = "", *, ended: bool = False) -> tuple[bytes, str]:
    found = [LogChunk(b"", cursor), *copied([source], cursor, ended=ended)]
    return b"".join(chunk.data for chunk in found), found[-1].cursor


def random_log(dice: random.Random, count: int, same: float, disorder: float = 0.05) -> Log:
    """Messages of which many have the same second and bytes, some come out of order, and some are parts of lines.

    same: how many seconds are between two that are written at the same time. disorder: seconds.
    """
    at, log = START + 0.5, []
    for _ in range(count):
        at += dice.choice([same, same, 0.001, 0.2, 3])
        end = dice.choice([b"\n", b"\n", b"\n", b""])
        log.append((at - dice.choice([0, 0, disorder]), b"x" * dice.randrange(3) + end or b"y"))
    return log


@pytest.mark.parametrize("engine", ["docker", "docker 23", "podman", "kubernetes"])
@pytest.mark.parametrize("seed", range(30))
def test_whenever_a_log_is_read_each_byte_comes_once(seed: int, engine: str) -> None:
    parts, lines, newer = 10 if "docker" in engine else 1, engine == "kubernetes", engine == "docker 23"
    dice = random.Random(seed)
    log, seen, cursor, here = random_log(dice, 200, 0.00001, 0.05 if lines else 0.5), b"", "", 0
    while here < len(log):
        here += dice.randrange(1, 30)
        until = log[:here]
        answers = kubernetes(until) if lines else docker(until, parts=parts, newer=newer)
        source = TimedSource("one", answers, lines=lines, parts=parts)
        new, cursor = read(source, cursor)
        seen += new
    assert seen == b"".join(data for _, data in log)


@pytest.mark.parametrize("back", [30, 3600])
@pytest.mark.parametrize("engine", ["docker", "docker 23", "kubernetes"])
def test_where_a_clock_goes_backwards_no_line_comes_twice_and_none_is_missing_at_the_end(
    engine: str, back: float
) -> None:
    parts, lines = 1 if engine == "kubernetes" else 10, engine == "kubernetes"
    times = [START + 4000 + number for number in range(6)] + [START + 4005 - back + number / 2 for number in range(5)]
    log: Log = [(at, b"line %d\n" % number) for number, at in enumerate(times)]
    seen, cursor = b"", ""
    for here in range(1, len(log) + 1):
        until = log[:here]
        answers = kubernetes(until) if lines else docker(until, parts=parts, newer=engine == "docker 23")
        source = TimedSource("one", answers, lines=lines, parts=parts)
        new, cursor = read(source, cursor)
        seen += new
        assert engine != "docker 23" or seen == b"".join(data for _, data in until)
    if engine != "docker 23" and back > 600:
        return  # more than is read again
    new, cursor = read(TimedSource("one", answers, lines=lines, parts=parts, ended=True), cursor, ended=True)
    assert seen + new == b"".join(data for _, data in log)
    assert read(TimedSource("one", answers, lines=lines, parts=parts, ended=True), cursor, ended=True)[0] == b""


def test_the_log_of_a_worker_that_has_ended_is_read_no_more_until_the_job_ends() -> None:
    log: Log = [(START, b"a\n"), (START + 1, b"no end")]
    asked = []

    def source(key: str, *, ended: bool) -> TimedSource:
        def since(time: int) -> Iterator[Message]:
            asked.append(key)
            return docker(log)(time)

        return TimedSource(key, since, key.encode(), lines=False, ended=ended)

    seen, cursor = b"", ""
    for _ in range(3):
        for chunk in copied([source("1", ended=True), source("2", ended=False)], cursor, ended=False):
            seen, cursor = seen + chunk.data, chunk.cursor
    assert seen == b"1a\n1no end\n2a\n"
    assert asked == ["1", "2", "2", "2"]
    assert number_of_reads(cursor) == 1
    assert number_of_reads("") == number_of_reads("of another package") == number_of_reads("7") == 1
    for chunk in copied([source("1", ended=True), source("2", ended=True)], cursor, ended=True):
        seen += chunk.data
    assert seen == b"1a\n1no end\n2a\n2no end\n"


@pytest.mark.parametrize("lines", [False, True], ids=["docker", "kubernetes"])
def test_only_the_last_second_or_two_are_asked_for_again(*, lines: bool) -> None:
    log = [(START + number / 10, b"line %d\n" % number) for number in range(1000)]
    _, cursor = read(TimedSource("one", docker(log), lines=lines))
    since = json.loads(cursor)["one"][0]
    assert START + 97 <= since <= START + 99


def test_what_the_engine_has_dropped_is_told_once_and_nothing_comes_twice() -> None:
    log = [(START + number / 10, b"line %d\n" % number) for number in range(100)]
    _, cursor = read(TimedSource("one", docker(log[:50]), lines=False))
    found, cursor = read(TimedSource("one", docker(log[70:90]), lines=False), cursor)
    assert found == LOST + b"".join(data for _, data in log[70:90])
    assert read(TimedSource("one", docker(log[70:]), lines=False), cursor)[0] == b"".join(data for _, data in log[90:])


def test_where_only_messages_that_were_read_are_dropped_nothing_is_missing() -> None:
    log = [(START + number / 100, b"same\n" if number % 2 else b"line %d\n" % number) for number in range(100)]
    _, cursor = read(TimedSource("one", docker(log[:50]), lines=False))
    found, _ = read(TimedSource("one", docker(log[45:]), lines=False), cursor)
    assert found == b"".join(data for _, data in log[50:])


def test_a_long_line_comes_in_parts_and_goes_on_where_it_was() -> None:
    log = [(START, b"a" * 500_000), (START + 0.1, b"b" * 2_000_000), (START + 5, b"c\n"), (START + 6, b"d\n")]
    seen, cursor = b"", ""
    for here in range(1, 5):
        chunks = list(copied([TimedSource("one", kubernetes(log[:here], 65536), lines=True)], cursor, ended=False))
        seen, cursor = seen + b"".join(chunk.data for chunk in chunks), chunks[-1].cursor
        assert max(len(chunk.data) for chunk in chunks) < 1_200_000
    assert seen == b"".join(data for _, data in log)


@pytest.mark.parametrize("part", [8192, 16384])
@pytest.mark.parametrize("size", [1000, 65536, 10**7])
def test_a_time_before_each_part_of_a_long_line_is_taken_out(part: int, size: int) -> None:
    line = bytes(97 + number % 26 for number in range(300_000))
    parts = [line[at : at + part] for at in range(0, len(line), part)]
    parts[-1] += b"\n"
    log: Log = [(START + number, data) for number, data in enumerate([b"one\n", *parts, b"x" * part, b"y\n", b"z\n"])]
    seen, cursor = b"", ""
    for here in (1, 5, len(parts), len(parts) + 1, len(log)):
        new, cursor = read(TimedSource("one", old_kubernetes(log[:here], size), lines=True), cursor)
        seen += new
    assert seen == b"".join(data for _, data in log)


def test_lines_of_several_workers_have_their_numbers_and_are_whole() -> None:
    def sources(here: int) -> list[TimedSource]:
        one: Log = [(START, b"a\n"), (START, b"b"), (START + 1, b"c\n"), (START + 1, b"end")]
        two: Log = [(START, b"\n"), (START, b"x\n"), (START + 1, b"y\n"), (START + 2, b"")]
        return [
            TimedSource("1", docker(one[:here]), b"worker 1: ", lines=False),
            TimedSource("2", docker(two[:here]), b"worker 2: ", lines=False),
        ]

    seen, cursor = b"", ""
    for here in range(1, 5):
        for chunk in copied(sources(here), cursor, ended=False):
            seen, cursor = seen + chunk.data, chunk.cursor
    seen += b"".join(chunk.data for chunk in copied(sources(4), cursor, ended=True))
    of_one = b"".join(line for line in seen.splitlines(keepends=True) if line.startswith(b"worker 1: "))
    of_two = b"".join(line for line in seen.splitlines(keepends=True) if line.startswith(b"worker 2: "))
    assert of_one == b"worker 1: a\nworker 1: bc\nworker 1: end\n"
    assert of_two == b"worker 2: \nworker 2: x\nworker 2: y\n"


def test_what_a_kubelet_says_instead_of_a_log_is_left_out() -> None:
    said = [b"unable to retrieve container logs for containerd://0123", stamp(START) + b" line\n"]
    assert list(lined([said[0]])) == []
    assert list(lined([said[0] + b"\n" + said[1]])) == [Message(stamp(START), b"line\n")]


def test_an_answer_that_is_no_log_is_refused() -> None:
    with pytest.raises(Unreachable):
        read(TimedSource("one", lambda _: iter([Message(b"yesterday", b"text\n")]), lines=False))
    with pytest.raises(Unreachable):
        list(framed(lambda _: b"<html> </html>"))
