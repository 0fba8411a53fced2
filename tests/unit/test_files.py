"""Mechanics of files: replacement, locks and the loop with a deadline that they wait in."""

import errno
import os
import threading
import time
from pathlib import Path

import pytest

from pfcon.files.faults import is_full
from pfcon.files.locks import locked, try_lock, wait_for_lock
from pfcon.files.writing import replace_file, write_all
from pfcon.polling import polls

MANY = 4 << 20  # bytes, more than a pipe takes in one call


def test_a_replaced_file_has_the_new_content_and_its_mode(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    replace_file(tmp_path, "f", b"new", mode=0o600)
    assert (tmp_path / "f").read_bytes() == b"new"
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["f"]


def test_who_has_a_file_open_keeps_the_old_content_when_it_is_replaced(tmp_path: Path) -> None:
    replace_file(tmp_path, "f", b"old")
    with (tmp_path / "f").open("rb") as file:
        replace_file(tmp_path, "f", b"")
        assert file.read() == b"old"
    assert (tmp_path / "f").read_bytes() == b""


def test_a_replacement_that_fails_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    with pytest.raises(IsADirectoryError):
        replace_file(tmp_path, "f", b"new")
    assert os.listdir(tmp_path) == ["f"]


def test_a_link_in_the_files_place_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "f").symlink_to("precious")
    replace_file(tmp_path, "f", b"new")
    assert not (tmp_path / "f").is_symlink()
    assert (tmp_path / "precious").read_text() == "precious"


def test_nothing_is_written_through_a_link_to_a_directory(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(NotADirectoryError):
        replace_file(tmp_path / "link", "f", b"new")
    assert not os.listdir(tmp_path / "real")


def test_a_buffer_is_written_to_its_end() -> None:
    reader, writer = os.pipe()
    found = bytearray()

    def drain() -> None:
        while block := os.read(reader, 1 << 16):
            found.extend(block)

    thread = threading.Thread(target=drain)
    thread.start()
    data = os.urandom(MANY)
    os.set_blocking(writer, True)
    write_all(writer, data)
    os.close(writer)
    thread.join()
    os.close(reader)
    assert bytes(found) == data


def test_one_at_a_time_has_a_lock(tmp_path: Path) -> None:
    with locked(tmp_path / "lock") as first:
        with locked(tmp_path / "lock") as second:
            assert (first, second) == (True, False)
        with locked(tmp_path / "lock") as third:
            assert not third
    with locked(tmp_path / "lock") as later:
        assert later


def test_a_lock_is_waited_for_until_the_deadline(tmp_path: Path) -> None:
    calls: list[float] = []
    with locked(tmp_path / "lock"):
        began = time.monotonic()
        with locked(tmp_path / "lock", 0.3, 0.05, waiting=lambda: calls.append(0)) as ours:
            assert not ours
        assert time.monotonic() - began >= 0.3
    assert len(calls) > 1


@pytest.mark.parametrize("timeout", [60.0, None])
def test_who_waits_for_a_lock_gets_it_when_it_is_released(tmp_path: Path, timeout: float | None) -> None:
    held, waits = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(tmp_path / "lock"):
            held.set()
            waits.wait(60)
            time.sleep(0.1)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(60)
    waits.set()
    with locked(tmp_path / "lock", timeout, 0.01) as ours:
        assert ours
    thread.join()


def test_a_lock_stays_until_the_last_descriptor_is_closed(tmp_path: Path) -> None:
    first = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    wait_for_lock(first)
    again = os.dup(first)
    os.close(first)
    other = os.open(tmp_path / "lock", os.O_RDWR)
    assert not try_lock(other)
    os.close(again)
    assert try_lock(other)
    os.close(other)


def test_no_lock_is_taken_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic links"), locked(tmp_path / "lock"):
        pass
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_without_room_and_a_quota_that_is_used_up_are_full(code: int) -> None:
    assert is_full(OSError(code, os.strerror(code)))


@pytest.mark.parametrize("code", [errno.EIO, errno.EFBIG, errno.EROFS])
def test_no_other_error_is_a_full_disk(code: int) -> None:
    assert not is_full(OSError(code, os.strerror(code)))


def test_the_first_look_comes_immediately_and_one_after_the_last_pause() -> None:
    began = time.monotonic()
    looks = [time.monotonic() - began for _ in polls(0.3, 0.1)]
    assert looks[0] < 0.1
    assert looks[-1] >= 0.3


def test_without_time_there_is_one_look() -> None:
    assert list(polls(0, 60)) == [0]


def test_pauses_grow_to_the_longest() -> None:
    moments = [time.monotonic() for _ in polls(1.0, 0.02, 0.06)]
    assert 16 <= len(moments) < 34  # 0.02, 0.03, 0.045, then 0.06 each; a busy machine is no quicker than that
