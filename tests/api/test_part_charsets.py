"""A field of a multipart form may be in another character set than UTF-8, if its part says so (RFC 7578, 4.5)."""

import pytest
import requests
from support.live import JOB_FIELDS, Api, LiveServer, make_zip, new_jid

from pfcon.api.charsets import decode_value
from pfcon.testing.waiting import PATIENCE

TEXT = "Größe"


@pytest.mark.parametrize(
    "charset",
    ["utf-8", '"UTF-8"', "utf8", "ISO-8859-1", "latin1", "windows-1252", "cp437", "utf-16", "UTF-16BE", "iso-8859-15"],
)
def test_a_value_is_read_in_the_character_set_of_its_part(charset: str) -> None:
    bare = charset.strip('"')
    assert decode_value(TEXT.encode(bare), bare) == TEXT


def test_a_value_is_utf_8_where_its_part_says_nothing() -> None:
    assert decode_value(TEXT.encode(), None) == TEXT
    with pytest.raises(ValueError, match="must be UTF-8 text"):
        decode_value(TEXT.encode("latin-1"), None)


@pytest.mark.parametrize("charset", ["us-ascii", "utf-8", "shift_jis", "utf-16"])
def test_a_value_that_is_not_in_its_character_set_is_refused(charset: str) -> None:
    with pytest.raises(ValueError, match=f"must be {charset} text"):
        decode_value(b"\xff\xfe\x81", charset)


@pytest.mark.parametrize(
    "charset",
    ["", "x-none", "punycode", "idna", "unicode_escape", "zlib", "rot13", "undefined", "utf-7", "a\0b", "é" * 99],
)
def test_what_is_no_usual_character_set_is_refused(charset: str) -> None:
    with pytest.raises(ValueError, match="must be text in UTF-8 or another usual character set, not in ") as raised:
        decode_value(b"abc", charset)
    assert len(str(raised.value)) < 150


def post(server: LiveServer, api: Api, jid: str, raw: bytes, charset: str) -> requests.Response:
    fields = {**JOB_FIELDS, "jid": jid, "entrypoint": ["echo"]}
    files = {
        "args": (None, raw, f"text/plain; charset={charset}"),
        "data_file": ("a.zip", make_zip({"a": "b"}), "application/zip; charset=iso-8859-1"),
    }
    return requests.post(server.url + "jobs/", data=fields, files=files, headers=api.headers, timeout=PATIENCE)


def test_a_job_gets_what_its_client_meant(server: LiveServer, api: Api) -> None:
    jid = new_jid()
    answer = post(server, api, jid, TEXT.encode("latin-1"), '"ISO-8859-1"')
    assert answer.status_code == 201, answer.text
    assert TEXT in answer.json()["compute"]["cmd"]
    assert TEXT in api.wait(jid)["logs"]
    assert api.delete(f"jobs/{jid}/").status_code == 204


@pytest.mark.parametrize(("charset", "reason"), [("utf-8", "must be utf-8 text"), ("punycode", "not in 'punycode'")])
def test_a_wrong_character_set_is_a_400_that_names_the_field(
    server: LiveServer, api: Api, charset: str, reason: str
) -> None:
    jid = new_jid()
    answer = post(server, api, jid, TEXT.encode("latin-1"), charset)
    assert answer.status_code == 400
    assert reason in answer.json()["message"]["args"]
    assert api.get(f"jobs/{jid}/").status_code == 404
