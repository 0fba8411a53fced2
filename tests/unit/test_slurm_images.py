"""Images as directories: their names, those of the site, and the cache and its bound."""

import json
import os
import time
from pathlib import Path, PurePosixPath

import pytest

from pfcon.compute.slurm.commands import Commands
from pfcon.compute.slurm.image_name import ImageName
from pfcon.compute.slurm.images import Images
from pfcon.compute.slurm.node_job import Image
from pfcon.compute.stopping import Stop
from pfcon.compute.unanswered import NoAnswer
from pfcon.errors import Refused
from pfcon.reasons import Reason
from pfcon.testing.waiting import PATIENCE

# Stands for skopeo and umoci: an unpacked image of 64 KiB. What it was asked for is in `calls`.
TOOLS = """#!/bin/sh
while [ "$1" = env ] || [ "${1#*=}" != "$1" ]; do shift; done
echo "$@" >>"${0%/*}/calls"
case $1 in
    skopeo)
        case $* in *absent*) echo 'FATA reading manifest: manifest unknown' >&2; exit 1 ;;
            *no-route*) echo 'ssh: connect to host login1 port 22: No route to host' >&2; exit 255 ;;
            *no-tool*) exit 127 ;;
            *slow*) exec sleep 60 ;;
        esac
        for target; do :; done
        target=${target#oci:}
        mkdir -p "${target%:*}" ;;
    umoci)
        for bundle; do :; done
        mkdir -p "$bundle/rootfs"
        ln -s /nonexistent "$bundle/rootfs/share"
        head -c 65536 /dev/zero >"$bundle/rootfs/data"
        echo '{"process": {"env": ["PATH=/opt/bin", "TERM=xterm", "A=b=c"], "cwd": "/work"}}' >"$bundle/config.json" ;;
esac
"""
NAME = ImageName.parse("registry.example.org/local/pl-test:1")


def images(directory: Path, limit: int = 0, in_use: set[str] | None = None, site: Path | None = None) -> Images:
    tools = directory / "tools"
    tools.write_text(TOOLS)
    tools.chmod(0o755)
    cache = directory / "cache"
    cache.mkdir(exist_ok=True)
    return Images(Commands((str(tools),)), cache, PurePosixPath(cache), site, limit, lambda: in_use or set())


def calls(directory: Path) -> list[str]:
    return directory.joinpath("calls").read_text().splitlines()


@pytest.mark.parametrize(
    ("text", "source", "path"),
    [
        ("busybox", "docker://busybox:latest", "busybox/latest"),
        ("fnndsc/pl-x:2.1.0", "docker://fnndsc/pl-x:2.1.0", "fnndsc/pl-x/2.1.0"),
        ("docker://ghcr.io/a/b:1", "docker://ghcr.io/a/b:1", "ghcr.io/a/b/1"),
        ("127.0.0.1:5000/a:1", "docker://127.0.0.1:5000/a:1", "127.0.0.1:5000/a/1"),
        (f"a/b@sha256:{'0' * 64}", f"docker://a/b@sha256:{'0' * 64}", f"a/b/sha256:{'0' * 64}"),
        (f"a/b:1@sha256:{'0' * 64}", f"docker://a/b@sha256:{'0' * 64}", f"a/b/sha256:{'0' * 64}"),
    ],
)
def test_names_of_images_are_those_of_registries(text: str, source: str, path: str) -> None:
    name = ImageName.parse(text)
    assert (name.source, str(name.path)) == (source, path)


@pytest.mark.parametrize(
    "text", ["", "a/UPPER", "/etc", "oci:/etc:x", "../x", "a/../b", "a:b:c", "a b", "-v", "a@sha256:1"]
)
def test_a_path_or_an_option_is_no_name_of_an_image(text: str) -> None:
    with pytest.raises(Refused, match="not a valid image name"):
        ImageName.parse(text)


def test_different_images_have_different_keys() -> None:
    texts = ["a", "a:1", "a/b", "a_b", "b/a", f"a@sha256:{'0' * 64}"]
    assert len({ImageName.parse(text).key for text in texts}) == len(texts)


def test_an_image_is_fetched_and_unpacked_once(tmp_path: Path) -> None:
    cache = images(tmp_path)
    told: list[str] = []
    assert cache.find(NAME) is None
    for _ in range(2):
        cache.prepare(NAME, told.append, Stop())
    assert [call.split()[0] for call in calls(tmp_path)] == ["skopeo", "umoci"]
    assert told == [f"{verb} image registry.example.org/local/pl-test:1" for verb in ("fetching", "unpacking")]
    rootfs = PurePosixPath(cache.cache) / NAME.key / "rootfs"
    assert cache.find(NAME) == Image(rootfs, (("PATH", "/opt/bin"), ("A", "b=c")), "/work")
    assert Path(rootfs, "tmp").is_dir()
    assert sorted(path.name for path in cache.cache.iterdir()) == [NAME.key, f"{NAME.key}.lock"]


def test_tls_is_left_out_on_loopback_alone(tmp_path: Path) -> None:
    cache = images(tmp_path)
    cache.prepare(NAME, lambda _: None, Stop())
    cache.prepare(ImageName.parse("127.0.0.1:5000/a:1"), lambda _: None, Stop())
    assert ["tls-verify=false" in call for call in calls(tmp_path) if "skopeo" in call] == [False, True]


def test_an_image_that_cannot_be_had_is_told_with_the_reason_and_leaves_nothing(tmp_path: Path) -> None:
    cache = images(tmp_path)
    with pytest.raises(Refused, match=r"absent:1 can't be fetched: its registry does not have it$") as caught:
        cache.prepare(ImageName.parse("local/absent:1"), lambda _: None, Stop())
    assert caught.value.reason == Reason.IMAGE_NOT_FOUND
    assert "manifest unknown" in caught.value.detail
    assert [path.suffix for path in cache.cache.iterdir()] == [".lock"]


def test_where_images_are_made_on_a_host_that_is_away_it_is_tried_again(tmp_path: Path) -> None:
    cache = images(tmp_path)
    with pytest.raises(NoAnswer, match="No route to host"):
        cache.prepare(ImageName.parse("local/no-route:1"), lambda _: None, Stop())
    assert [path.suffix for path in cache.cache.iterdir()] == [".lock"]
    cache.prepare(NAME, lambda _: None, Stop())


@pytest.mark.parametrize(
    ("image", "timeout", "reason"),
    [("no-tool", PATIENCE, "skopeo is not installed"), ("slow", 0.2, "skopeo has not answered in 0.2 s")],
)
def test_a_tool_that_is_not_installed_or_does_not_end_is_the_end_of_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str, timeout: float, reason: str
) -> None:
    monkeypatch.setattr("pfcon.compute.slurm.images.FETCH_TIMEOUT", timeout)
    with pytest.raises(Refused, match=f"image local/{image}:1 can't be fetched: {reason}") as caught:
        images(tmp_path).prepare(ImageName.parse(f"local/{image}:1"), lambda _: None, Stop())
    assert caught.value.reason == Reason.IMAGE_FAILED


def test_a_site_s_bundle_is_used_where_it_is(tmp_path: Path) -> None:
    bundle = tmp_path / "site" / NAME.path
    bundle.joinpath("rootfs").mkdir(parents=True)
    bundle.joinpath("config.json").write_text('{"process": {}}')
    cache = images(tmp_path, site=tmp_path / "site")
    assert cache.find(NAME) == Image(PurePosixPath(bundle) / "rootfs")


def layout(directory: Path, *tags: str) -> Path:
    made = directory / "site" / NAME.path
    made.mkdir(parents=True, exist_ok=True)
    manifests = [{"annotations": {"org.opencontainers.image.ref.name": tag}} for tag in tags]
    made.joinpath("index.json").write_text(json.dumps({"manifests": manifests}))
    return made


def test_a_site_s_layout_is_unpacked_and_again_when_it_has_changed(tmp_path: Path) -> None:
    made = layout(tmp_path, "whatever")
    cache = images(tmp_path, site=tmp_path / "site")
    cache.prepare(NAME, lambda _: None, Stop())
    assert calls(tmp_path)[0].startswith(f"umoci unpack --rootless --image {made}:whatever ")
    assert cache.find(NAME) is not None
    os.utime(made / "index.json", (1, 1))
    assert cache.find(NAME) is None


def test_of_several_images_in_a_layout_the_named_one_is_taken(tmp_path: Path) -> None:
    layout(tmp_path, "2", "1")
    cache = images(tmp_path, site=tmp_path / "site")
    cache.prepare(NAME, lambda _: None, Stop())
    assert ":1 " in calls(tmp_path)[0]
    layout(tmp_path, "2", "3")
    with pytest.raises(Refused, match="none has the tag 1"):
        cache.prepare(NAME, lambda _: None, Stop())


def test_above_its_bound_the_cache_loses_what_was_not_used_for_longest(tmp_path: Path) -> None:
    names = [ImageName.parse(f"local/x:{number}") for number in range(5)]
    roomy = images(tmp_path)
    for age, name in enumerate(reversed(names)):
        roomy.prepare(name, lambda _: None, Stop())
        used = time.time() - 7200 - age
        os.utime(roomy.cache / f"{name.key}.lock", (used, used))
    # The oldest are 0 and 1; a job runs 0. Three of 64 KiB are within the bound.
    bounded = images(tmp_path, limit=4 * 65536, in_use={"local/x:0"})
    last = ImageName.parse("local/last:1")
    bounded.prepare(last, lambda _: None, Stop())
    left = {name.version for name in names if bounded.find(name)}
    assert "0" in left
    assert "1" not in left
    assert bounded.find(last) is not None


def test_an_image_that_a_job_runs_stays_when_the_site_has_replaced_it(tmp_path: Path) -> None:
    made = layout(tmp_path, "1")
    site = tmp_path / "site"
    keys = []
    for changed in (1, 2, 3):
        os.utime(made / "index.json", (changed, changed))
        roomy = images(tmp_path, site=site)
        roomy.prepare(NAME, lambda _: None, Stop())
        found = roomy.find(NAME)
        assert found is not None
        keys.append(found.rootfs.parent.name)
        os.utime(roomy.cache / f"{keys[-1]}.lock", (changed, changed))
    other = ImageName.parse("local/x:1")
    for used_by, left in (({str(NAME.source)}, keys), (set(), [])):
        images(tmp_path, limit=1, in_use=used_by, site=site).prepare(other, lambda _: None, Stop())
        assert [key for key in keys if (tmp_path / "cache" / key / "rootfs").is_dir()] == left


def test_what_was_used_of_late_stays_whatever_the_bound(tmp_path: Path) -> None:
    cache = images(tmp_path, limit=1)
    names = [ImageName.parse(f"local/x:{number}") for number in range(2)]
    for name in names:
        cache.prepare(name, lambda _: None, Stop())
    assert all(cache.find(name) for name in names)
