"""The zip of a job's outputs, as the standard library and unzip see it."""

import gc
import io
import os
import shutil
import stat
import subprocess
import tempfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pfcon.archive.zip_records import Item, end_records
from pfcon.archive.zip_stream import BLOCK, zip_chunks
from pfcon.errors import Absent
from pfcon.files.descent import UnreadableTreeError

NOBODY = 65534


def zipped(root: Path) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zip_chunks(root))))
    assert archive.testzip() is None
    return archive


def contents(archive: zipfile.ZipFile) -> dict[str, bytes]:
    return {name: archive.read(name) for name in archive.namelist()}


def write(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def close(chunks: Iterator[bytes]) -> None:
    chunks.close()  # type: ignore[attr-defined]


@contextmanager
def no_descriptor_is_lost() -> Iterator[None]:
    gc.collect()
    before = set(os.listdir("/proc/self/fd"))
    yield
    assert set(os.listdir("/proc/self/fd")) <= before


FILES = {
    "a.txt": b"alpha " * 50,
    "empty": b"",
    "tiny": b"x",
    "d/text": b"text and more text\n" * 100_000,
    "d/noise": os.urandom(3 * BLOCK + 17),
    "d/e/block": os.urandom(BLOCK),
    "d/e/more": bytes(BLOCK + 1),
    "packed.nii.gz": bytes(2 * BLOCK),
    "ü/名": b"unicode",
}


def test_all_files_come_out_as_they_were(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    assert contents(zipped(tmp_path)) == FILES


def test_unzip_accepts_the_zip(tmp_path: Path) -> None:
    program = shutil.which("unzip")
    if program is None:
        pytest.skip("needs unzip")
    write(tmp_path / "in", FILES)
    with open(tmp_path / "out.zip", "wb") as out:
        out.writelines(zip_chunks(tmp_path / "in"))
    done = subprocess.run([program, "-t", tmp_path / "out.zip"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No errors detected" in done.stdout


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 100, 70_000, BLOCK, BLOCK + 1, 3 * BLOCK]), st.booleans()),
        max_size=5,
    )
)
def test_any_mixture_of_sizes_comes_out_as_it_was(sizes: list[tuple[int, bool]]) -> None:
    files = {str(n): os.urandom(size) if noise else bytes(size) for n, (size, noise) in enumerate(sizes)}
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), files)
        assert contents(zipped(Path(name))) == files


def test_there_are_only_regular_files_in_it(tmp_path: Path) -> None:
    write(tmp_path, {"file": b"1", "home.chrislink": b"home/bob", "d/f": b"2"})
    (tmp_path / "empty directory").mkdir()
    (tmp_path / "passwd").symlink_to("/etc/passwd")
    (tmp_path / "etc").symlink_to("/etc")
    os.mkfifo(tmp_path / "fifo")
    archive = zipped(tmp_path)
    assert sorted(archive.namelist()) == ["d/f", "file"]
    assert {info.external_attr >> 16 for info in archive.infolist()} == {stat.S_IFREG | 0o644}


def test_an_empty_directory_gives_an_empty_zip(tmp_path: Path) -> None:
    assert zipped(tmp_path).namelist() == []


def test_what_does_not_shrink_is_stored(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    methods = {info.filename: info.compress_type for info in zipped(tmp_path).infolist()}
    stored = {name for name, method in methods.items() if method == zipfile.ZIP_STORED}
    assert stored == {"empty", "tiny", "ü/名", "d/noise", "d/e/block", "packed.nii.gz"}


def test_times_are_kept_within_what_a_zip_can_say(tmp_path: Path) -> None:
    write(tmp_path, {"then": b"", "old": b"", "far": b""})
    os.utime(tmp_path / "then", (1_000_000_000, 1_000_000_000))
    os.utime(tmp_path / "old", (0, 0))
    os.utime(tmp_path / "far", (9_000_000_000, 9_000_000_000))
    years = {info.filename: info.date_time[0] for info in zipped(tmp_path).infolist()}
    assert years == {"then": 2001, "old": 1980, "far": 2107}


def test_names_that_are_not_utf8_are_escaped(tmp_path: Path) -> None:
    os.close(os.open(os.fsencode(tmp_path) + b"/caf\xe9", os.O_CREAT))
    assert zipped(tmp_path).namelist() == ["caf\\xe9"]


@pytest.mark.parametrize("name", ["absent", "file", "link"])
def test_a_missing_directory_is_told_before_the_first_byte(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("/etc")
    with no_descriptor_is_lost(), pytest.raises(Absent):
        zip_chunks(tmp_path / name)


def test_the_first_chunk_does_not_wait_for_the_others(tmp_path: Path) -> None:
    write(tmp_path, {str(number): b"small" for number in range(100)})
    chunks = zip_chunks(tmp_path)
    assert len(next(chunks)) < 100
    rest = list(chunks)
    assert len(rest) == 1


def test_chunks_are_about_a_block(tmp_path: Path) -> None:
    write(tmp_path, {"noise": os.urandom(20 * BLOCK), **{f"s{n}": os.urandom(9000) for n in range(300)}})
    sizes = [len(chunk) for chunk in zip_chunks(tmp_path)][1:-1]
    assert min(sizes) >= BLOCK
    assert max(sizes) < 2 * BLOCK


@pytest.mark.parametrize("size", [1000, 4 * BLOCK + 999])
@pytest.mark.parametrize("change", [b"", b"more" * BLOCK * 3])
def test_a_file_that_changes_meanwhile_leaves_the_zip_sound(tmp_path: Path, size: int, change: bytes) -> None:
    write(tmp_path, {"changing": os.urandom(size)})
    chunks = zip_chunks(tmp_path)
    first = next(chunks)
    (tmp_path / "changing").write_bytes(change)
    archive = zipfile.ZipFile(io.BytesIO(first + b"".join(chunks)))
    assert archive.testzip() is None
    assert archive.infolist()[0].file_size <= size


def test_a_file_that_can_not_be_read_ends_the_zip_with_its_name(storebase: object) -> None:
    root: Path = storebase.root  # type: ignore[attr-defined]
    if os.geteuid():
        pytest.skip("only root can become another user")
    write(root, {"d/secret": b"x"})
    (root / "d/secret").chmod(0)
    os.seteuid(NOBODY)
    try:
        with pytest.raises(UnreadableTreeError, match="d/secret"):
            list(zip_chunks(root))
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_closing_early_gives_everything_back(tmp_path: Path, steps: int) -> None:
    write(tmp_path, {f"d{n}/noise": os.urandom(5 * BLOCK) for n in range(3)})
    with no_descriptor_is_lost():
        chunks = zip_chunks(tmp_path)
        for _ in range(steps):
            next(chunks)
        close(chunks)
        dropped = zip_chunks(tmp_path)
        del dropped


def test_memory_stays_the_same_for_any_size(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"all work and no play\n" * 1_000_000)
    (tmp_path / "noise").write_bytes(os.urandom(20_000_000))
    tracemalloc.start()
    assert sum(len(chunk) for chunk in zip_chunks(tmp_path)) > 20_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000


def test_zip64_fields_appear_where_they_are_needed() -> None:
    item = Item(b"big", 0, 1 << 32, later=True)
    item.offset = 5 << 32
    assert item.local().endswith(b"big\x01\x00\x10\x00" + bytes(16))
    assert len(item.descriptor()) == 24
    assert item.central().endswith((1 << 32).to_bytes(8, "little") + bytes(8) + (5 << 32).to_bytes(8, "little"))
    assert end_records(65_534, 1, 1)[:4] == b"PK\x05\x06"
    assert [end_records(*facts)[:4] for facts in [(65_535, 1, 1), (1, 1, 1 << 32)]] == [b"PK\x06\x06"] * 2


@pytest.mark.slow  # for file systems that are slow at many files
def test_more_files_than_16_bits_count(tmp_path: Path) -> None:
    for directory in range(66):
        (tmp_path / str(directory)).mkdir()
        fd = os.open(tmp_path / str(directory), os.O_RDONLY)
        for number in range(1000):
            os.close(os.open(str(number), os.O_CREAT, dir_fd=fd))
        os.close(fd)
    assert len(zipped(tmp_path).namelist()) == 66_000
