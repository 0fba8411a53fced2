"""Zips above the sizes that 32 bits count. In a file of their own: the files of tests run side by side."""

import os
import zipfile
from pathlib import Path

import pytest

from pfcon.archive.zip_stream import zip_chunks


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".raw", ".gz"])
def test_a_file_above_4_gib(tmp_path: Path, suffix: str) -> None:
    size = (4 << 30) + 12_345
    with open(tmp_path / f"sparse{suffix}", "wb") as sparse:
        sparse.truncate(size - 4)
        sparse.seek(0, os.SEEK_END)
        sparse.write(b"tail")
    target = tmp_path.parent / f"{tmp_path.name}.zip"
    try:
        with open(target, "wb") as out:
            for chunk in zip_chunks(tmp_path):
                out.seek(len(chunk), os.SEEK_CUR) if chunk.count(0) == len(chunk) else out.write(chunk)
        with zipfile.ZipFile(target) as archive:
            assert archive.testzip() is None
            assert archive.infolist()[0].file_size == size
    finally:
        target.unlink()
