"""How parts of Swift's large objects are called, and what manifests say."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.object_stores import md5

from pfcon.storage.objects.store import Limits, Part
from pfcon.storage.objects.swift.container import is_last
from pfcon.storage.objects.swift.large_objects import (
    ManifestEntry,
    StoredPart,
    attempts_of,
    attempts_with,
    etag_of,
    manifest,
    manifest_entries,
    part_name,
    parts_prefix,
    stored_part,
)
from pfcon.storage.objects.swift.responses import limits_of, listed, shows_manifest

UPLOAD = "0123456789abcdef" * 2
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=1024).filter(
    lambda name: len(name.encode()) <= 1024
)


@given(NAMES)
def test_a_part_is_known_by_its_name_which_swift_takes(name: str) -> None:
    segment = part_name(name, StoredPart(UPLOAD, 7))
    assert stored_part(name, segment) == StoredPart(UPLOAD, 7)
    assert len(segment.encode()) <= 1024
    assert segment.startswith(parts_prefix(name))


@given(NAMES, NAMES)
def test_no_object_takes_the_parts_of_another_for_its_own(name: str, other: str) -> None:
    segment = part_name(other, StoredPart(UPLOAD, 7))
    assert (stored_part(name, segment) is None) == (name != other)


@pytest.mark.parametrize("name", ["a/.pieces", "a/b", "a/.pieces/" + UPLOAD, "a/"])
def test_names_that_look_like_parts_are_told_apart(name: str) -> None:
    assert stored_part("a", part_name(name, StoredPart(UPLOAD, 0))) is None


def test_long_names_that_begin_alike_have_parts_of_their_own() -> None:
    assert parts_prefix("x" * 1000 + "a") != parts_prefix("x" * 1000 + "b")


def test_a_manifest_names_every_segment_with_size_and_md5() -> None:
    parts = [Part(5, md5(b"12345")), Part(2, md5(b"67"))]
    assert json.loads(manifest("users_segments", ["é/1", "é/2"], parts)) == [
        {"path": "/users_segments/é/1", "size_bytes": 5, "etag": md5(b"12345")},
        {"path": "/users_segments/é/2", "size_bytes": 2, "etag": md5(b"67")},
    ]
    assert etag_of(parts) == md5((md5(b"12345") + md5(b"67")).encode())


def test_a_manifest_that_swift_gives_back_is_read() -> None:
    entries: list[dict[str, Any]] = [
        {"name": "/c/a/b", "bytes": 5, "hash": md5(b"12345"), "content_type": "x"},
        {"name": "/c/a/b", "bytes": 5, "hash": md5(b"12345"), "range": "1-3"},
        {"name": "/d/inner", "bytes": 7, "hash": "e" * 32, "sub_slo": True},
        {"data": "aGVhZA=="},
    ]
    assert list(manifest_entries(entries)) == [
        ManifestEntry("c", "a/b", Part(5, md5(b"12345")), nested=False),
        ManifestEntry("c", "a/b", Part(3, ""), nested=False),
        ManifestEntry("d", "inner", Part(7, ""), nested=True),
        ManifestEntry("", "", Part(4, md5(b"head")), nested=False),
    ]


def test_limits_are_those_that_the_cluster_tells() -> None:
    swift = {"max_file_size": 1000, "container_listing_limit": 10}
    slo = {"max_manifest_segments": 7, "min_segment_size": 2}
    assert limits_of({"swift": swift, "slo": slo}) == Limits(1000, 2, 1000, 7)
    assert limits_of({"swift": swift}) == Limits(1000, 1, 1000, 0)


def test_a_cluster_that_tells_nothing_has_the_defaults_of_swift() -> None:
    assert limits_of({}) == Limits(5 * 1024**3, 1, 5 * 1024**3, 1000)


def test_a_large_object_is_listed_with_the_etag_that_downloads_take() -> None:
    row = {"name": "n", "bytes": 5, "hash": "a" * 32, "slo_etag": f'"{"b" * 32}"', "content_type": "x"}
    assert listed(row).etag == "b" * 32


def test_an_object_is_known_by_the_md5s_of_the_first_parts_of_an_attempt() -> None:
    data = {"a": [b"12345", b"67", b"of a longer file"], "b": [b"12345", b"other"], "c": [b"12345", b"67"]}
    parts = {each: [Part(len(part), md5(part)) for part in data[each]] for each in data}
    stored = {StoredPart(each, n): part for each in data for n, part in enumerate(parts[each])}
    del stored[StoredPart("b", 0)]
    attempts = attempts_of(stored)
    assert attempts["b"] == {1: parts["b"][1]}
    wanted = tuple(parts["c"])
    assert attempts_with(etag_of(wanted), 7, attempts) == {"a": wanted, "c": wanted}
    assert attempts_with(etag_of(wanted), 8, attempts) == {}
    assert attempts_with(etag_of(parts["b"]), 10, attempts) == {}


def test_a_row_with_bytes_and_the_etag_of_none_is_that_of_a_manifest() -> None:
    empty = md5(b"")
    assert shows_manifest({"name": "n", "hash": empty, "bytes": 319})
    assert not shows_manifest({"name": "n", "hash": empty, "bytes": 0})
    assert not shows_manifest({"name": "n", "hash": md5(b"12345"), "bytes": 5})
    assert not shows_manifest({"name": "n", "hash": empty, "bytes": 5, "slo_etag": empty})
    assert not shows_manifest({"subdir": "n/"})


@pytest.mark.parametrize(
    ("found", "asked", "last"),
    [(0, 10, True), (9, 10, True), (10, 10, False), (1000, 5000, False), (1024, 5000, False), (1001, 5000, True)],
)
def test_a_page_is_the_last_if_it_is_not_full_and_not_of_a_round_size(found: int, asked: int, last: bool) -> None:
    assert is_last(found, asked) == last
