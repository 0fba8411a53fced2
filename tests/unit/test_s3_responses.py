"""What S3's answers tell of objects; recorded from Amazon's documentation, not from the tests' server."""

from typing import Any

import pytest
from support.object_stores import md5

from pfcon.storage.objects.s3.responses import (
    PART_SIZE,
    below,
    described,
    equal_parts,
    is_opaque,
    parse_multipart_etag,
    rows,
    told_parts,
    xml_text,
)
from pfcon.storage.objects.store import Described, Listed, Part

MD5 = md5(b"12345")


def head(**more: Any) -> dict[str, Any]:
    return {"ETag": f'"{MD5}"', "ContentLength": 5, **more}


def test_an_etag_is_the_md5_of_an_object_in_one_part() -> None:
    assert described("n", head()) == Described("n", 5, MD5, md5=MD5)
    assert described("n", head(ServerSideEncryption="AES256")).md5 == MD5


@pytest.mark.parametrize(
    "encryption",
    [
        {"ServerSideEncryption": "aws:kms"},
        {"ServerSideEncryption": "aws:kms:dsse"},
        {"SSECustomerAlgorithm": "AES256"},
    ],
)
def test_an_etag_of_an_object_encrypted_with_a_key_of_its_own_is_no_md5(encryption: dict[str, str]) -> None:
    found = described("n", head(**encryption))
    assert (found.etag, found.md5) == (MD5, "")
    assert is_opaque(head(**encryption))


def test_a_part_tells_the_size_of_the_whole() -> None:
    assert described("n", head(ContentLength=2, ContentRange="bytes 1-2/5")).size == 5


def test_checksums_of_all_bytes_are_taken_over() -> None:
    told = head(
        ChecksumCRC32="AAAAAA==", ChecksumSHA1="c2hhMQ==", ChecksumSHA256="c2hhMjU2", ChecksumType="FULL_OBJECT"
    )
    found = described("n", told)
    assert (found.crc32, found.sha1, found.sha256) == ("AAAAAA==", "c2hhMQ==", "c2hhMjU2")


@pytest.mark.parametrize(
    "more", [{"ChecksumSHA256": "c2hhMjU2", "ChecksumType": "COMPOSITE"}, {"ChecksumSHA256": "c2hhMjU2-3"}]
)
def test_checksums_of_parts_are_not(more: dict[str, str]) -> None:
    assert described("n", head(**more)).sha256 == ""


@pytest.mark.parametrize(
    ("etag", "wanted"), [(f"{MD5}-12", (MD5, 12)), (MD5, ("", 0)), (f"{MD5}-N", ("", 0)), ("odd", ("", 0))]
)
def test_an_etag_tells_how_many_parts_there_are(etag: str, wanted: tuple[str, int]) -> None:
    assert parse_multipart_etag(etag) == wanted


@pytest.mark.parametrize(
    ("size", "count", "first", "last", "wanted"),
    [
        (25, 3, 10, 5, (10, 10, 5)),
        (30, 3, 10, 10, (10, 10, 10)),
        (7, 1, 7, 7, (7,)),
        (26, 3, 10, 5, ()),
        (25, 3, 0, 0, ()),
        (7, 1, 0, 0, ()),
    ],
)
def test_equal_parts_follow_from_the_first_and_the_last(
    size: int, count: int, first: int, last: int, wanted: tuple[int, ...]
) -> None:
    assert equal_parts(size, count, first, last) == tuple(Part(each, "") for each in wanted)


def test_a_page_has_objects_and_prefixes_in_the_order_of_their_bytes() -> None:
    page = {
        "Contents": [
            {"Key": "a", "Size": 1, "ETag": '"x"'},
            {"Key": "é", "Size": 2, "ETag": '"y"'},
            {"Key": "z", "Size": 0},
        ],
        "CommonPrefixes": [{"Prefix": "b/"}, {"Prefix": "𝄞/"}],
    }
    assert rows(page) == [
        Listed("a", 1, "x"),
        Listed("b/", None),
        Listed("z", 0),
        Listed("é", 2, "y"),
        Listed("𝄞/", None),
    ]


@pytest.mark.parametrize("header", ["x-object-manifest", "x-object-meta-static-large-object"])
def test_an_etag_of_a_large_object_of_swift_is_no_md5(header: str) -> None:
    response = head(ResponseMetadata={"HTTPHeaders": {header: "True", "etag": MD5}})
    assert described("n", response).md5 == ""
    assert described("n", head(ResponseMetadata={"HTTPHeaders": {"etag": MD5}})).md5 == MD5


@pytest.mark.parametrize(
    ("size", "count", "noted", "wanted"),
    [
        (25, 3, "10", (10, 10, 5)),
        (30, 3, "10", (10, 10, 10)),
        (7, 1, "10", (7,)),
        (31, 3, "10", ()),
        (20, 3, "10", ()),
        (25, 3, "ten", ()),
        (25, 3, "", ()),
    ],
)
def test_parts_follow_from_the_noted_size_where_it_fits(
    size: int, count: int, noted: str, wanted: tuple[int, ...]
) -> None:
    response = head(Metadata={PART_SIZE: noted} if noted else {})
    assert told_parts(size, count, response) == tuple(Part(each, "") for each in wanted)


@pytest.mark.parametrize(
    ("prefix", "wanted"),
    [("a/b", "a/b"), ("a\nb\t\r", "a\nb\t\r"), ("a\x01/b\x01", "a"), ("\x1f", ""), ("é\x7f", "é\x7f")],
)
def test_a_prefix_is_cut_before_what_xml_can_not_have(prefix: str, wanted: str) -> None:
    assert xml_text(prefix) == wanted


def test_a_listing_is_made_from_that_of_a_shorter_prefix() -> None:
    names = [["a", "a\x01/1"], ["a\x01/b/2", "a\x01/b/3"], ["a\x01/b/4", "a\x01/c", "b"]]
    pages = [[Listed(name, 1) for name in page] for page in names]
    found = [[row.name for row in page] for page in below("a\x01/", pages, delimited=False)]
    assert found == [["a\x01/1"], ["a\x01/b/2", "a\x01/b/3"], ["a\x01/b/4", "a\x01/c"]]
    grouped = [row for page in below("a\x01/", pages, delimited=True) for row in page]
    assert grouped == [Listed("a\x01/1", 1), Listed("a\x01/b/", None), Listed("a\x01/c", 1)]
