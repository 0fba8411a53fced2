"""SIF files as images: a real one of Apptainer 1.4.5 (tests/data/slurm/tiny.sif), and broken ones made of it."""

import shutil
import struct
from pathlib import Path, PurePosixPath

import pytest
from support.engines import unsquashfs

from pfcon.compute.slurm.commands import Commands
from pfcon.compute.slurm.image_name import ImageName
from pfcon.compute.slurm.images import Images
from pfcon.compute.slurm.probe import missing_tools
from pfcon.compute.slurm.sif import read_sif
from pfcon.compute.stopping import Stop
from pfcon.errors import Refused

TINY = Path(__file__).parents[1] / "data/slurm/tiny.sif"
NAME = ImageName.parse("local/pl-tiny:1.0")
OCI_ENV = ("PATH=/opt/x/bin:/usr/bin", 'ODD=a "b" $(id) $HOME `x`')


def images(directory: Path, prefix: tuple[str, ...] = ()) -> Images:
    for path in (directory / "cache", directory / "site/local/pl-tiny"):
        path.mkdir(parents=True)
    cache = directory / "cache"
    return Images(Commands(prefix), cache, PurePosixPath(cache), directory / "site", 0, set)


def changed(directory: Path, at: int, text: bytes) -> Path:
    path = directory / "changed.sif"
    content = bytearray(TINY.read_bytes())
    content[at : at + len(text)] = text
    path.write_bytes(content)
    return path


def partition_at() -> int:
    """Where the file tells of its root file system."""
    content = TINY.read_bytes()
    return next(at for at in range(4096, 28080, 585) if struct.unpack_from("<i", content, at)[0] == 0x4004)


def test_a_file_tells_where_its_root_file_system_is_and_what_its_image_had() -> None:
    found = read_sif(TINY)
    assert (found.env, found.cwd) == (OCI_ENV, "/dir")
    assert TINY.read_bytes()[found.offset :].startswith(b"hsqs")


def test_its_tree_its_variables_and_its_working_directory_become_an_image(tmp_path: Path) -> None:
    unsquashfs()
    cache = images(tmp_path)
    file = tmp_path / "site/local/pl-tiny/1.0.sif"
    shutil.copy(TINY, file)
    told: list[str] = []
    assert cache.find(NAME) is None
    cache.prepare(NAME, told.append, Stop())
    found = cache.find(NAME)
    assert found is not None
    assert told == ["unpacking image local/pl-tiny:1.0"]
    assert Path(found.rootfs, "dir/file").read_text() == "data\n"
    assert Path(found.rootfs, "share/incoming").is_dir()
    own = {"PATH": "/opt/tool/bin:/opt/x/bin:/usr/bin", "GREETING": "hello world", "LC_ALL": "C"}
    assert dict(found.env) == {**dict(text.split("=", 1) for text in OCI_ENV), **own}
    assert found.cwd == "/dir"
    assert Path(found.rootfs, "dir").stat().st_mode & 0o777 == 0o755  # it was 555, and could not be removed
    file.write_bytes(TINY.read_bytes())
    assert cache.find(NAME) is None


def test_without_the_tool_its_package_is_told_to_the_job_and_to_pfcon_check(tmp_path: Path) -> None:
    cache = images(tmp_path, ("sh", "-c", "exit 127", "sh"))
    shutil.copy(TINY, tmp_path / "site/local/pl-tiny/1.0.sif")
    with pytest.raises(Refused, match=r"unsquashfs is not installed \(Debian package: squashfs-tools\)"):
        cache.prepare(NAME, lambda _: None, Stop())
    assert [path.suffix for path in cache.cache.iterdir()] == [".lock"]
    assert missing_tools(cache.commands, tmp_path / "site") == [
        "unsquashfs, which is needed for images, can't be run (Debian package: squashfs-tools)"
    ]
    assert missing_tools(cache.commands, tmp_path / "cache") == []


def test_a_broken_file_system_is_refused_with_the_words_of_the_tool(tmp_path: Path) -> None:
    unsquashfs()
    cache = images(tmp_path)
    broken = changed(tmp_path, read_sif(TINY).offset, bytes(96))
    shutil.move(broken, tmp_path / "site/local/pl-tiny/1.0.sif")
    with pytest.raises(Refused, match=r"pl-tiny:1\.0 .*superblock"):
        cache.prepare(NAME, lambda _: None, Stop())
    assert [path.suffix for path in cache.cache.iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("at", "text", "why"),
    [
        (32, b"SIF_MAGIX\0", "is not a SIF file: it has no SIF header"),
        (88, struct.pack("<q", 1 << 40), "is not a SIF file: its table can't be read"),
        (96, struct.pack("<q", 1 << 40), "is not a SIF file"),
        (partition_at() + 201, struct.pack("<i", 5), "has an encrypted file system; pfcon needs a squashfs"),
        (partition_at() + 201, struct.pack("<i", 2), "has an ext3 file system; pfcon needs a squashfs"),
        (partition_at() + 25, struct.pack("<q", 1 << 40), "is not complete"),
        (partition_at() + 17, struct.pack("<q", -4096), "is not complete"),
        (partition_at(), struct.pack("<i", 0x4009), "is an OCI-SIF file"),
        (partition_at(), struct.pack("<i", 0x4005), "has no root file system"),
    ],
)
def test_a_file_without_a_usable_root_file_system_is_refused_by_name(
    tmp_path: Path, at: int, text: bytes, why: str
) -> None:
    path = changed(tmp_path, at, text)
    with pytest.raises(Refused, match=rf"changed\.sif {why}"):
        read_sif(path)


def test_a_configuration_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    content = TINY.read_bytes()
    at = content.index(b"oci-config.json") - 73  # of its descriptor
    path = changed(tmp_path, at + 17, struct.pack("<2q", len(content), 200_000))
    path.write_bytes(path.read_bytes() + b"[" * 200_000)
    with pytest.raises(Refused, match=r"its oci-config\.json can't be read"):
        read_sif(path)


def test_a_text_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "x.sif"
    path.write_text("")
    with pytest.raises(Refused, match="is not a SIF file"):
        read_sif(path)
