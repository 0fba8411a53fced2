"""A log of which the first part and the last are kept: as it is written here, by a node's shell, and read."""

import os
import random
import resource
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from pfcon.compute.kept_log import log_tail, read_at, stretches
from pfcon.compute.log_writer import KeptLog
from pfcon.compute.slurm.spec import body
from pfcon.testing.waiting import eventually

MOST = 64 * 1024
ALL = 10**9
SHELL = body("job.sh")
KEEP = SHELL[SHELL.index("keep() {") : SHELL.index("# ended PID")]


def by_supervisor(directory: Path, output: bytes) -> None:
    """As the process engine's supervisor does it."""
    (directory / "log").touch()
    fd = os.open(directory, os.O_RDONLY)
    log = KeptLog(fd, MOST)
    dice, at = random.Random(1), 0
    while at < len(output):
        size = dice.randrange(1, 70_000)
        log.append(output[at : at + size])
        at += size
    os.close(log.file)
    os.close(fd)


def by_shell(directory: Path, output: bytes) -> None:
    """As a node of Slurm does it."""
    part = MOST // 4
    head = f"set -u\nJOB={directory} FIRST={MOST // 2} PART={part} BLOCK={part} BLOCKS=1\n"
    subprocess.run(["sh", "-c", f"{head}{KEEP}\nkeep"], input=output, check=True)


WRITERS = pytest.mark.parametrize("write", [by_supervisor, by_shell])


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


def lines(count: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(count))


def kept(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir())


@WRITERS
@pytest.mark.parametrize("count", [0, 1, 100, 3000, 4000])
def test_a_log_that_is_small_enough_is_whole(
    tmp_path: Path, directory: int, write: Callable[[Path, bytes], None], count: int
) -> None:
    write(tmp_path, lines(count))
    assert log_tail(directory, ALL, ALL) == lines(count)


@WRITERS
@pytest.mark.parametrize("count", [20_000, 100_000])
def test_of_a_large_one_the_first_part_and_the_last_are_kept(
    tmp_path: Path, directory: int, write: Callable[[Path, bytes], None], count: int
) -> None:
    output = lines(count)
    write(tmp_path, output)
    assert kept(tmp_path) <= MOST * 5 // 4
    found = log_tail(directory, ALL, ALL)
    first, _, rest = found.partition(b"\npfcon: " if b"\npfcon: " in found else b"pfcon: ")
    number, last = rest.split(b" ", 1)
    last = last.partition(b"\n")[2]
    first += b"\n" if not output.startswith(first + b"pfcon") and output[len(first) : len(first) + 1] == b"\n" else b""
    assert output.startswith(first)
    assert output.endswith(last)
    assert len(first) >= MOST // 2 - 1
    assert len(last) >= MOST // 4
    assert abs(len(first) + int(number) + len(last) - len(output)) <= 1
    assert b"bytes of the log are left out here (PFCON_LOG_BYTES)\n" in found


@WRITERS
@pytest.mark.parametrize("wanted", [1, 2, 100, 2500, 3000, 5000])
def test_the_last_lines_are_those_of_the_job(
    tmp_path: Path, directory: int, write: Callable[[Path, bytes], None], wanted: int
) -> None:
    output = lines(4000)  # whole, but in several files
    write(tmp_path, output)
    assert log_tail(directory, wanted, ALL) == b"".join(output.splitlines(keepends=True)[-wanted:])
    assert log_tail(directory, wanted, 1000).endswith(b"line 3999\n")
    assert len(log_tail(directory, wanted, 1000)) <= 1000


def test_a_line_that_lies_in_two_files_is_one(tmp_path: Path, directory: int) -> None:
    for name, content in (("log", b"a\nbc"), ("log.4", b"de\nf"), ("log.8", b"g")):
        (tmp_path / name).write_bytes(content)
    assert [log_tail(directory, number, ALL) for number in (0, 1, 2, 3)] == [
        b"",
        b"fg",
        b"bcde\nfg",
        b"a\nbcde\nfg",
    ]


def test_what_else_lies_there_is_no_log(tmp_path: Path, directory: int) -> None:
    (tmp_path / "log").write_bytes(b"a\n")
    (tmp_path / "precious").write_bytes(b"x")
    (tmp_path / "log.2").symlink_to(tmp_path / "precious")
    os.mkfifo(tmp_path / "log.3")
    (tmp_path / "log.4").mkdir()
    (tmp_path / ("log." + "9" * 40)).touch()
    assert log_tail(directory, 10, ALL) == b"a\n"


def test_a_job_that_makes_many_files_does_not_make_many_be_opened(tmp_path: Path, directory: int) -> None:
    (tmp_path / "log").write_bytes(b"a\n")
    for number in range(2, 3000):
        (tmp_path / f"log.{number}").write_bytes(b"b")
    before, limits = os.listdir("/proc/self/fd"), resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(before) + 20, limits[1]))
    try:
        assert log_tail(directory, 10, ALL).startswith(b"a\n")
        assert read_at(directory, 0, 10).data == b"a\n"
        assert len(stretches(directory)) < 10
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def _last_line_is(directory: int, text: bytes) -> bool:
    return log_tail(directory, 1, ALL) == text


def test_what_is_written_slowly_is_there_at_once(tmp_path: Path, directory: int) -> None:
    head = f"JOB={tmp_path} FIRST={MOST // 2} PART={MOST // 4} BLOCK=16384 BLOCKS=1\n"
    with subprocess.Popen(["sh", "-c", f"{head}{KEEP}\nkeep"], stdin=subprocess.PIPE) as process:
        assert process.stdin
        for text in (b"one\n", b"two\n"):
            process.stdin.write(text)
            process.stdin.flush()
            assert eventually(partial(_last_line_is, directory, text))
        process.stdin.close()
        assert process.wait() == 0


def test_a_full_disk_ends_the_keeping_with_a_failure(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to("/dev/full")
    head = f"JOB={tmp_path} FIRST=32768 PART=16384 BLOCK=16384 BLOCKS=1\n"
    done = subprocess.run(
        ["sh", "-c", f"{head}{KEEP}\nkeep || echo failed"], input=b"lost\n", capture_output=True, check=True
    )
    assert done.stdout == b"failed\n"
