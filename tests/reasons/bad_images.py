"""The images of a bad registry: tiny, and the same bytes each time, so that their digests are too.

Manifests, configurations and indexes are those of the OCI image specification 1.1. No two repositories share a layer:
an engine that has one image would not ask for the layer of the other.
"""

import functools
import hashlib
import io
import json
import platform
import shutil
import struct
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TAG = "1"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
HERE = ARCHITECTURES.get(platform.machine(), platform.machine())
ELSEWHERE = "amd64" if HERE == "s390x" else "s390x"

GOOD = ("good", "slow", "denied-by-name", "unauthorized-by-name", "timeout-by-name")
"""Repositories with an image that nothing is wrong with."""
DAMAGED = ("corrupt-manifest", "corrupt-layer", "short-layer", "not-gzip", "stalled")
"""Repositories with an image that is not what its manifest says, or does not arrive."""
FOREIGN = ("other-platform", "other-platform-single")
"""Repositories whose image is for another type of processor."""
IMAGES = (*GOOD, *DAMAGED, *FOREIGN)

_NOISE = 256 << 10  # bytes of a layer: more than the buffers of clients hold
_COMMANDS = ("sh", "true", "false", "echo", "cat", "sleep")
_STORED = 0xFFFF  # bytes of a deflate block without compression
_EXIT_0 = {  # exit(0): the number of the machine in ELF, and its instructions
    "amd64": (62, bytes.fromhex("31ff b83c000000 0f05")),  # xor edi,edi; mov eax,60; syscall
    "arm64": (183, bytes.fromhex("000080d2 a80b80d2 010000d4")),  # mov x0,0; mov x8,93; svc 0
    "s390x": (22, bytes.fromhex("a7290000 0a01")),  # lghi r2,0; svc 1
}


@dataclass(frozen=True)
class Blob:
    """A part of an image, or its manifest."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"

    @property
    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}


@dataclass
class Repository:
    """manifests, blobs: by the digest under which they are asked for, which may not be their own.

    top: digest of what the tag stands for. layer: digest of the image's layer.
    """

    top: str = ""
    layer: str = ""
    manifests: dict[str, Blob] = field(default_factory=dict)
    blobs: dict[str, Blob] = field(default_factory=dict)


@functools.cache
def repository(name: str, salt: str = "") -> Repository:
    """What the repository of that name holds, one of IMAGES. salt: makes all digests others."""
    architecture = ELSEWHERE if name in FOREIGN else HERE
    tree = _layer(name, salt, architecture)
    layer = Blob(LAYER, _noise(f"{name} {salt}", _NOISE) if name == "not-gzip" else _gzip(tree))
    config = _json(
        CONFIG,
        {
            "architecture": architecture,
            "os": "linux",
            "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/true"]},
            "rootfs": {"type": "layers", "diff_ids": [Blob("", tree).digest]},
        },
    )
    told = {"config": config.descriptor, "layers": [layer.descriptor], "annotations": {"org.example.note": "intact"}}
    manifest = _json(MANIFEST, {"schemaVersion": 2, "mediaType": MANIFEST, **told})
    held = Repository(manifest.digest, layer.digest, {manifest.digest: manifest})
    held.blobs = {config.digest: config, layer.digest: layer}
    if name in ("other-platform", "corrupt-manifest"):  # by a tag alone nobody can tell that a manifest is another one
        listed = {**manifest.descriptor, "platform": {"architecture": architecture, "os": "linux"}}
        index = _json(INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [listed]})
        held.manifests[index.digest] = index
        held.top = index.digest
    if name == "corrupt-manifest":
        held.manifests[manifest.digest] = Blob(MANIFEST, manifest.content.replace(b'"intact"', b'"broken"'))
    elif name == "corrupt-layer":
        middle = len(layer.content) // 2
        wrong = bytes([layer.content[middle] ^ 0xFF])
        held.blobs[layer.digest] = Blob(LAYER, layer.content[:middle] + wrong + layer.content[middle + 1 :])
    return held


def _json(media_type: str, content: dict[str, Any]) -> Blob:
    return Blob(media_type, json.dumps(content, separators=(",", ":")).encode())


def _layer(name: str, salt: str, architecture: str) -> bytes:
    """A tar with /bin/true, and with a shell if this machine has a static busybox."""
    busybox = static_busybox() if name == "good" else None
    with io.BytesIO() as buffer:
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            folder = tarfile.TarInfo("bin")
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
            _add(tar, "salt", f"{name} {salt}".encode())
            if busybox is None:
                _add(tar, "bin/true", program(architecture), 0o755)
                _add(tar, "noise", _noise(f"{name} {salt}", _NOISE))
            else:
                _add(tar, "bin/busybox", busybox.read_bytes(), 0o755)
                for command in _COMMANDS:
                    link = tarfile.TarInfo(f"bin/{command}")
                    link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                    tar.addfile(link)
        return buffer.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    member = tarfile.TarInfo(path)
    member.size, member.mode = len(content), mode
    tar.addfile(member, io.BytesIO(content))


def _gzip(content: bytes) -> bytes:
    """As gzip without compression: what compresses differs with the version of zlib, and with it the digest."""
    pieces = [content[start : start + _STORED] for start in range(0, len(content), _STORED)]
    blocks = [
        struct.pack("<BHH", number == len(pieces), len(piece), len(piece) ^ 0xFFFF) + piece
        for number, piece in enumerate(pieces, 1)
    ]
    head = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
    return head + b"".join(blocks) + struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)


def _noise(seed: str, size: int) -> bytes:
    """Bytes that no compression makes smaller, and that are no archive."""
    return hashlib.shake_256(seed.encode()).digest(size)


def program(architecture: str) -> bytes:
    """An ELF executable that needs nothing and ends at once with exit code 0."""
    machine, code = _EXIT_0.get(architecture, _EXIT_0["amd64"])
    order = ">" if architecture == "s390x" else "<"
    base, head, entry, page = 0x400000, 64, 56, 0x1000
    size = head + entry + len(code)
    ident = b"\x7fELF" + bytes([2, 2 if order == ">" else 1, 1]) + bytes(9)
    header = struct.pack(
        f"{order}HHIQQQIHHHHHH", 2, machine, 1, base + head + entry, head, 0, 0, head, entry, 1, 0, 0, 0
    )
    segment = struct.pack(f"{order}IIQQQQQQ", 1, 5, 0, base, base, size, size, page)
    return ident + header + segment + code


@functools.cache
def static_busybox() -> Path | None:
    """This machine's busybox, if it needs no libraries."""
    found = shutil.which("busybox", path="/bin:/usr/bin:/usr/local/bin")
    if found is None:
        return None
    path = Path(found)
    return None if _interpreted(path.read_bytes()) else path


def _interpreted(content: bytes) -> bool:
    """Whether a program is no ELF of 64 bits, or one that a dynamic linker has to load (PT_INTERP)."""
    if content[:5] != b"\x7fELF\x02":
        return True
    order = "<" if content[5] == 1 else ">"
    (offset,) = struct.unpack_from(f"{order}Q", content, 32)
    size, count = struct.unpack_from(f"{order}HH", content, 54)
    return any(struct.unpack_from(f"{order}I", content, offset + number * size)[0] == 3 for number in range(count))
