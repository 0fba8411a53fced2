"""Fetching inputs from a real Swift and S3 through connections that break, and objects that change meanwhile."""

import os
import time
from dataclasses import replace

import pytest
from support.object_inputs import ALL, BIG, FEW, MIB, RANGE, SMALL, ObjectInputs
from support.object_stores import SWIFT_KEY, SWIFT_USER
from swiftclient import client as swiftclient

from pfcon.errors import Refused, Unreachable
from pfcon.storage.base import Staged
from pfcon.storage.objects import retrying
from pfcon.storage.objects.download import fetch as fetching


def test_a_tree_is_staged_and_a_repeated_try_fetches_nothing(inputs: ObjectInputs) -> None:
    inputs.fill({**ALL, "in/l.chrislink": b"home/bob", "home/bob/f": b"F", "home/bobby/g": b"G"})
    inputs.objects.put("in/empty/", b"")
    inputs.relay.clear()
    assert inputs.stage() == Staged(len(ALL) + 1, sum(map(len, ALL.values())) + 1)
    assert inputs.tree() == {**ALL, "in/home_bob/f": b"F"}
    assert (inputs.job.incoming / "empty").is_dir()
    assert inputs.gets() == len(SMALL) + 5 + 1
    inputs.job.unstage()
    inputs.relay.clear()
    assert inputs.stage().notes == (f"{len(ALL) + 1} of {len(ALL) + 1} files were reused from an earlier attempt",)
    assert inputs.gets() == 1  # the link


ODD = ["a b", "new\nline", "plus+and%20percent", "é☃𝄞", "#?&;=", "key-x", ".pfcon", "back\\slash", "x" * 255]
BAD = ["..", ".", "x" * 256]


def test_any_name_is_staged_that_a_file_can_have(inputs: ObjectInputs) -> None:
    for name in ODD:
        inputs.objects.put(f"in/{name}/{name}", name.encode())
    for name in BAD:
        inputs.objects.put(f"in/{name}", b"secret")
        inputs.objects.put(f"in/d/{name}/secret", b"secret")
    inputs.objects.put("in//secret", b"secret")
    inputs.objects.put("in/d", b"in the way")
    staged = inputs.stage()
    assert inputs.tree() == {f"in/{name}/{name}": name.encode() for name in ODD}
    assert len(staged.notes) == 2 * len(BAD) + 2
    for name in (*(f"in/{name}" for name in BAD), *(f"in/d/{name}/" for name in BAD), "in//", "in/d"):
        assert any(
            f"left out object {name!r}" in note or f"left out all below {name!r}" in note for note in staged.notes
        )


@pytest.mark.engine("swift")
@pytest.mark.parametrize("size", [6 * MIB, 999_999])
def test_large_objects_of_swift_are_verified_by_their_segments(swift_inputs: ObjectInputs, size: int) -> None:
    inputs, objects = swift_inputs, swift_inputs.objects
    parts = [BIG[at : at + size // 3] for at in range(0, size, size // 3)]
    objects.put_large("in/static", parts)
    for number, part in enumerate(parts):
        objects.put(f"segments/{number}", part)
    url, token = swiftclient.get_auth(objects.url, SWIFT_USER, SWIFT_KEY, auth_version="1")
    manifest = {"X-Object-Manifest": f"{objects.container}/segments/"}
    swiftclient.put_object(url, token, objects.container, "in/dynamic", b"", headers=manifest)
    assert inputs.stage() == Staged(2, 2 * size)
    assert inputs.tree() == {"in/static": BIG[:size], "in/dynamic": BIG[:size]}
    inputs.job.unstage()
    inputs.relay.clear()
    assert inputs.stage().notes == ("2 of 2 files were reused from an earlier attempt",)
    assert inputs.gets() == inputs.relay.count("GET", "multipart-manifest=get") == 1


def test_a_connection_that_is_cut_goes_on_where_it_was(inputs: ObjectInputs) -> None:
    inputs.fill()
    inputs.relay.clear()
    inputs.relay.cut(70_000, 3, containing="/in/big")
    inputs.relay.cut(1000, 5, containing="/in/d1/")
    assert inputs.stage().nfiles == len(ALL)
    assert inputs.tree() == ALL
    assert inputs.gets() == len(SMALL) + 5 + 8
    ranges = [request.headers.get("range", "") for request in inputs.relay.requests if "/in/big" in request.path]
    assert any(int(found.removeprefix("bytes=").partition("-")[0]) % RANGE for found in ranges if found)


def test_a_store_that_is_busy_for_a_while_is_waited_for(inputs: ObjectInputs) -> None:
    inputs.fill()
    inputs.once("in/d1/10", lambda: inputs.relay.busy(2))
    assert inputs.stage().nfiles == len(ALL)
    assert inputs.tree() == ALL


def test_what_a_store_that_stays_away_has_given_stays_for_the_next_try(
    inputs: ObjectInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs.fill()
    monkeypatch.setattr(fetching, "Retrying", lambda report: retrying.Retrying(1, report))
    inputs.once("in/d1/10", lambda: inputs.relay.busy(600))
    with pytest.raises(Unreachable, match=f"'{inputs.objects.container}' .*gave up after 1 s without progress"):
        inputs.stage()
    there = len(inputs.left())
    inputs.relay.busy(0)
    inputs.relay.clear()
    assert inputs.stage().nfiles == len(ALL)
    assert inputs.tree() == ALL
    assert inputs.gets() <= len(ALL) - there + 4
    assert os.listdir(inputs.job.path) == ["incoming"]


@pytest.mark.parametrize("name", ["in/d0/00", "in/big"])
@pytest.mark.parametrize("number", [1, 2])
def test_an_object_that_is_deleted_meanwhile_is_left_out_and_told(inputs: ObjectInputs, name: str, number: int) -> None:
    inputs.fill(FEW)
    inputs.relay.cut(5000, containing=f"/{name}")
    inputs.once(name, lambda: inputs.objects.but().store.delete(name), number)
    staged = inputs.stage()
    assert staged.notes == (f"left out {name!r}: it was deleted while the inputs were fetched",)
    assert inputs.tree() == {path: data for path, data in FEW.items() if path != name}


@pytest.mark.parametrize("name", ["in/d0/00", "in/big"])
@pytest.mark.parametrize("number", [1, 2])
def test_an_object_that_is_replaced_meanwhile_is_fetched_in_its_new_version(
    inputs: ObjectInputs, name: str, number: int
) -> None:
    inputs.fill(FEW)
    new = BIG[::-1][: len(FEW[name])]
    other = inputs.objects.but()
    inputs.relay.cut(5000, containing=f"/{name}")
    inputs.once(name, lambda: other.put(name, new), number)
    assert inputs.stage().nfiles == len(FEW)
    assert inputs.tree() == {**FEW, name: new}


def test_a_wrong_key_and_a_missing_container_are_told_at_once(inputs: ObjectInputs) -> None:
    for harness in (inputs.objects.but(key="wrong-" + "secret"), inputs.objects.but(container="no-such-container")):
        begun = time.monotonic()
        with pytest.raises(Refused, match=f"{harness.container}|credentials|SignatureDoesNotMatch") as caught:
            replace(inputs, objects=harness).stage()
        assert time.monotonic() - begun < retrying.TIME_LIMIT
        assert harness.key not in str(caught.value)
        assert not inputs.job.path.exists()
