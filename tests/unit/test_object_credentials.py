"""The file that tells operations what no record may hold."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.zips import NO_LIMITS

from pfcon.errors import Refused
from pfcon.settings.model import S3Settings, StorageName, StorageSettings, SwiftAuth, SwiftSettings
from pfcon.storage.objects.credentials import FILE, read_credentials, write_credentials

KEYSTONE = SwiftSettings("http://h:5000/v3", "chris", "s3cret", "users", SwiftAuth.V3, "p", "d", "d", "r")
SWIFT = StorageSettings(StorageName.SWIFT, True, Path(), NO_LIMITS, swift=KEYSTONE)
S3 = StorageSettings(
    StorageName.S3, True, Path(), NO_LIMITS, s3=S3Settings("http://h", "access", "s3cret", "us-east-1", "users")
)


@pytest.mark.parametrize("settings", [SWIFT, replace(SWIFT, create=True), S3], ids=["swift", "create", "s3"])
def test_settings_come_back_as_they_were(settings: StorageSettings, tmp_path: Path) -> None:
    write_credentials(settings, tmp_path, {})
    assert read_credentials(tmp_path, NO_LIMITS) == settings
    assert os.listdir(tmp_path) == [FILE]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_the_file_is_replaced_only_when_something_has_changed(tmp_path: Path) -> None:
    write_credentials(SWIFT, tmp_path, {})
    first = (tmp_path / FILE).stat()
    write_credentials(SWIFT, tmp_path, {})
    assert (tmp_path / FILE).stat().st_ino == first.st_ino
    with (tmp_path / FILE).open() as still_read:
        write_credentials(S3, tmp_path, {})
        assert json.load(still_read)["storage"] == "swift"
    assert read_credentials(tmp_path, NO_LIMITS) == S3


def test_a_file_that_others_may_read_is_replaced(tmp_path: Path) -> None:
    write_credentials(SWIFT, tmp_path, {})
    (tmp_path / FILE).chmod(0o644)
    write_credentials(SWIFT, tmp_path, {})
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_only_what_the_network_needs_of_the_environment_goes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"HTTPS_PROXY": "http://user:pass@proxy:3128", "REQUESTS_CA_BUNDLE": "/ca.pem", "SECRET_KEY": "no"}
    write_credentials(SWIFT, tmp_path, environ)
    assert "SECRET_KEY" not in (tmp_path / FILE).read_text()
    for name in environ:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(name, "to be restored")  # what is read into the environment ends with the test
    read_credentials(tmp_path, NO_LIMITS)
    assert (os.environ["HTTPS_PROXY"], os.environ["REQUESTS_CA_BUNDLE"]) == (environ["HTTPS_PROXY"], "/ca.pem")
    assert os.environ["SECRET_KEY"] == "to be restored"


@pytest.mark.parametrize(
    "content",
    [b"", b"s3cret", b'{"storage": "s3cret"}', b'{"storage": "swift", "swift": {"s3cret": 1}, "s3": null}', b"\xff"],
)
def test_what_cannot_be_read_is_refused_without_its_content(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(Refused, match="credentials can't be read") as raised:
        read_credentials(tmp_path, NO_LIMITS)
    assert "s3cret" not in str(raised.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file"):
        read_credentials(tmp_path, NO_LIMITS)
