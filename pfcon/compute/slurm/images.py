"""Images as directories that all nodes can read: each is fetched once with skopeo, and unpacked with umoci.

A site's own image may also be a SIF file, which unsquashfs(1) unpacks.

.pfcon/slurm-images/<key>/          rootfs, and config.json from umoci
.pfcon/slurm-images/<key>.lock      locked (flock) while it is created; its mtime is that of the last use
"""

import contextlib
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pfcon.compute.registries import refusal
from pfcon.compute.slurm.commands import Commands, DevicesLeftOut
from pfcon.compute.slurm.image_name import ImageName
from pfcon.compute.slurm.image_tree import clean, complete
from pfcon.compute.slurm.node_job import Image
from pfcon.compute.slurm.sif import read_sif
from pfcon.compute.slurm.sif_environment import environment
from pfcon.compute.stopping import Stop
from pfcon.compute.unanswered import NoAnswer
from pfcon.errors import PfconError, Refused, Unreachable
from pfcon.files.locks import locked
from pfcon.files.removal import NotRemovedError, remove_tree
from pfcon.files.size import tree_size

FETCH_TIMEOUT = 3600.0  # seconds for fetching or unpacking an image
_WAIT = 1.0  # seconds between two checks whether another process has created the image
_IN_USE = 3600.0  # seconds for which an image is kept after its last use by a job, even if the cache is too large
_LEFT = 4 * FETCH_TIMEOUT  # seconds after which a temporary directory counts as left by a crash


@dataclass(frozen=True)
class Images:
    """The cache of unpacked images, and the site's own images, which are used in place.

    cache: its directory as this service sees it; nodes_cache: as nodes see it. site: directory of the site's images.
    limit: bytes of the cache, 0 is no limit. in_use: returns the names of the images of jobs that have not ended.
    """

    commands: Commands
    cache: Path
    nodes_cache: PurePosixPath
    site: Path | None
    limit: int
    in_use: Callable[[], set[str]]

    def find(self, name: ImageName) -> Image | None:
        """Return the unpacked image; None if it has to be created first. Raises OSError; Refused for a broken one."""
        own = self._own(name)
        if own is not None and (own / "rootfs").is_dir():
            return _image(own, PurePosixPath(own))
        key = self._key(name)
        if not (self.cache / key / "config.json").is_file():
            return None
        with contextlib.suppress(FileNotFoundError):
            os.utime(self.cache / f"{key}.lock")
        return _image(self.cache / key, self.nodes_cache / key)

    def prepare(self, name: ImageName, report: Callable[[str], None], stop: Stop) -> None:
        """Create an image, or wait until another process has. Raises Refused with the reason, Unreachable, OSError."""
        key = self._key(name)
        with self._locked(key, report):
            if self.find(name) is None:
                self._sweep()
                self._make(name, key, report, stop)
        self._evict(keep=key)

    def _own(self, name: ImageName) -> Path | None:
        """Return the directory of the site's own image of that name, or its SIF file; None if it does not exist."""
        if not self.site:
            return None
        path = self.site / name.path
        sif = path.with_name(f"{path.name}.sif")
        return path if path.is_dir() else sif if sif.is_file() else None

    def _key(self, name: ImageName) -> str:
        own = self._own(name)
        if own is None:
            return name.key
        file = own if own.is_file() else own / "index.json"
        changed = file.stat().st_mtime_ns if file.exists() else 0
        return f"{name.key}-{changed:x}"  # a layout or file that was replaced is unpacked anew

    def _make(self, name: ImageName, key: str, report: Callable[[str], None], stop: Stop) -> None:
        seen = self.nodes_cache if self.commands.remote else PurePosixPath(self.cache)
        temporary = f"tmp-{uuid.uuid4().hex}"
        (self.cache / temporary).mkdir(mode=0o700)
        try:
            own, made, bundle = self._own(name), self.cache / temporary / "bundle", seen / temporary / "bundle"
            if own is not None and own.is_file():
                report(f"unpacking image {name.repository}:{name.version}")
                self._unpack_sif(name, own, made, bundle, stop)
            else:
                layout = self._layout(name, seen / temporary / "layout", report, stop)
                report(f"unpacking image {name.repository}:{name.version}")
                self._tool(name, stop, "umoci", "unpack", "--rootless", "--image", layout, str(bundle))
                clean(made / "rootfs")
            complete(made / "rootfs")
            made.chmod(0o755)
            made.rename(self.cache / key)
        finally:
            _remove(self.cache / temporary)

    def _unpack_sif(self, name: ImageName, file: Path, made: Path, bundle: PurePosixPath, stop: Stop) -> None:
        """Unpack a SIF file to a bundle, and write as much of its config.json as ``_image`` reads."""
        sif = read_sif(file)
        made.mkdir()
        options = ("-offset", str(sif.offset), "-no-xattrs", "-no-progress", "-quiet", "-dest", str(bundle / "rootfs"))
        with contextlib.suppress(DevicesLeftOut):
            self._tool(name, stop, "unsquashfs", *options, str(file))
        clean(made / "rootfs")  # before its scripts are read
        config = {"process": {"env": environment(made / "rootfs", sif), "cwd": sif.cwd}}
        (made / "config.json").write_text(json.dumps(config), encoding="utf-8")

    def _layout(self, name: ImageName, target: PurePosixPath, report: Callable[[str], None], stop: Stop) -> str:
        """Fetch the image to an OCI layout; return layout and tag in the form of umoci."""
        own = self._own(name)
        if own is not None:
            return f"{own}:{_tag(own, name)}"
        report(f"fetching image {name.repository}:{name.version}")
        tls = ["--src-tls-verify=false"] if name.on_loopback else []
        self._tool(name, stop, "skopeo", "copy", "--quiet", *tls, name.source, f"oci:{target}:image")
        return f"{target}:image"

    def _tool(self, name: ImageName, stop: Stop, *words: str) -> None:
        try:
            self.commands.run(words, timeout=FETCH_TIMEOUT, stop=stop)
        except DevicesLeftOut:
            raise
        except Refused as fault:
            raise refusal(f"{name.repository}:{name.version}", str(fault)) from fault
        except NoAnswer as fault:
            if not fault.may_have_arrived:
                raise  # the host of SLURM_PREFIX is unreachable
            raise refusal(f"{name.repository}:{name.version}", str(fault)) from fault  # a retry would take as long

    @contextlib.contextmanager
    def _locked(self, key: str, report: Callable[[str], None]) -> Iterator[None]:
        def waiting() -> None:
            report("waiting: another process is preparing the same image")

        with locked(self.cache / f"{key}.lock", 2 * FETCH_TIMEOUT, _WAIT, waiting=waiting) as ours:
            if not ours:
                raise Unreachable("another process is still preparing the image")
            yield

    def _evict(self, keep: str) -> None:
        """Remove the least recently used images until the cache is within its limit; never one of an active job."""
        if not self.limit:
            return
        # A job may still run a site's image that was replaced since: it has the same key, with another time.
        needed = {ImageName.parse(image).key for image in self.in_use()}
        found = []
        for lock in self.cache.glob("*.lock"):
            directory = lock.with_suffix("")
            if directory.is_dir():
                found.append((lock.stat().st_mtime, directory, tree_size(directory) or 0))
        total = sum(size for _, _, size in found)
        for used, directory, size in sorted(found):
            if total <= self.limit:
                return
            if directory.name == keep or directory.name.partition("-")[0] in needed:
                continue
            if time.time() - used > _IN_USE:
                _remove(_aside(directory))
                total -= size

    def _sweep(self) -> None:
        """Remove temporary directories that crashes have left."""
        for left in self.cache.glob("tmp-*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - left.lstat().st_mtime > _LEFT:
                    _remove(left)


def _aside(directory: Path) -> Path:
    """Rename a directory, so that no process uses it while it is being removed."""
    return directory.rename(directory.with_name(f"tmp-{uuid.uuid4().hex}"))


def _remove(directory: Path) -> None:
    """Remove a directory; what is left of it is removed by the next sweep."""
    with contextlib.suppress(NotRemovedError, PfconError, OSError):
        remove_tree(directory)


def _image(directory: Path, seen: PurePosixPath) -> Image:
    try:
        process: dict[str, Any] = json.loads((directory / "config.json").read_text(encoding="utf-8"))["process"]
        pairs = (text.partition("=") for text in process.get("env") or ())
        env = tuple((key, value) for key, _, value in pairs if key != "TERM")  # from runtime-tools, not from the image
        return Image(seen / "rootfs", env, process.get("cwd") or "/")
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError, FileNotFoundError) as fault:
        raise Refused(f"the image in {directory} has no valid config.json") from fault


def _tag(layout: Path, name: ImageName) -> str:
    """Return the tag of the image in a layout: its own version if it exists, else the only tag."""
    try:
        manifests = json.loads((layout / "index.json").read_text(encoding="utf-8"))["manifests"]
        tags = [found["annotations"]["org.opencontainers.image.ref.name"] for found in manifests]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as fault:
        raise Refused(f"{layout} is neither an OCI layout with tags nor a bundle") from fault
    if name.version in tags or len(tags) == 1:
        return name.version if name.version in tags else str(tags[0])
    raise Refused(f"{layout} contains several images, and none has the tag {name.version}")
