"""The files that tell operations what no record may hold."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.zips import NO_LIMITS

from pfcon.errors import Refused
from pfcon.settings import NoSettings
from pfcon.storage.credentials import read_credentials, write_credentials
from pfcon.storage.objects.s3.description import S3Settings
from pfcon.storage.objects.swift.description import SwiftAuth, SwiftSettings
from pfcon.storage.settings import StorageSettings
from pfcon.storage.storages import STORAGES

OWN = SwiftSettings("http://h:8080/auth/v1.0", "chris:chris", "s3cret", "users")
V2 = SwiftSettings("http://h:5000/v2.0", "chris", "s3cret", "users", SwiftAuth.V2, "project", region_name="r")
V3 = SwiftSettings("http://h:5000/v3", "chris", "s3cret", "users", SwiftAuth.V3, "project", "d", "e", "r")
BUCKET = S3Settings("http://h", "access", "s3cret", "us-east-1", "users")
SWIFT = StorageSettings("swift", True, Path(), NO_LIMITS, OWN)
S3 = StorageSettings("s3", True, Path(), NO_LIMITS, BUCKET)


def keep(directory: Path, settings: StorageSettings) -> None:
    """Write them as the service does, without anything of its environment."""
    write_credentials(settings.own, directory, {})


def read(directory: Path, settings: StorageSettings) -> StorageSettings:
    """Complete what an operation's order says of the settings."""
    return read_credentials(directory, STORAGES.find(settings.name), replace(settings, own=NoSettings()))


def inodes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in directory.iterdir()}


@pytest.mark.parametrize(
    "settings",
    [SWIFT, replace(SWIFT, create=True), replace(SWIFT, own=V2), replace(SWIFT, own=V3), S3],
    ids=["swift", "create", "keystone-2", "keystone-3", "s3"],
)
def test_settings_come_back_as_they_were(settings: StorageSettings, tmp_path: Path) -> None:
    keep(tmp_path, settings)
    assert read(tmp_path, settings) == settings
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_files_are_named_like_the_variables_and_hold_their_text(tmp_path: Path) -> None:
    keep(tmp_path, S3)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "S3_ENDPOINT_URL": "http://h",
        "S3_ACCESS_KEY": "access",
        "S3_SECRET_KEY": "s3cret",
        "S3_REGION_NAME": "us-east-1",
        "S3_BUCKET_NAME": "users",
    }


@pytest.mark.parametrize("key", [" a b ", "$(x)'\"\\=#%", "schlüssel — 鍵", "not utf-8: \udcff", "x" * 60_000])
def test_keys_of_any_characters_come_back(key: str, tmp_path: Path) -> None:
    settings = replace(SWIFT, own=replace(OWN, key=key))
    keep(tmp_path, settings)
    assert read(tmp_path, SWIFT) == settings


def test_only_files_that_have_changed_are_replaced(tmp_path: Path) -> None:
    keep(tmp_path, SWIFT)
    first = inodes(tmp_path)
    keep(tmp_path, SWIFT)
    assert inodes(tmp_path) == first
    with (tmp_path / "SWIFT_KEY").open() as still_read:
        keep(tmp_path, replace(SWIFT, own=replace(OWN, key="another")))
        assert still_read.read() == "s3cret"
    changed = {name for name, inode in inodes(tmp_path).items() if inode != first[name]}
    assert changed == {"SWIFT_KEY"}
    assert (tmp_path / "SWIFT_KEY").read_text() == "another"


def test_what_is_no_longer_set_goes(tmp_path: Path) -> None:
    write_credentials(V3, tmp_path, {"HTTPS_PROXY": "http://user:pass@proxy:3128"})
    (tmp_path / "store.json").write_text("of an earlier version")
    keep(tmp_path, SWIFT)
    names = {"SWIFT_AUTH_URL", "SWIFT_USERNAME", "SWIFT_KEY", "SWIFT_CONTAINER_NAME", "SWIFT_AUTH_VERSION"}
    assert set(os.listdir(tmp_path)) == names
    assert read(tmp_path, SWIFT) == SWIFT


def test_what_another_process_is_about_to_put_in_place_stays(tmp_path: Path) -> None:
    (tmp_path / ".new-x").touch()
    keep(tmp_path, SWIFT)
    assert (tmp_path / ".new-x").exists()


def test_a_file_that_others_may_read_is_replaced(tmp_path: Path) -> None:
    keep(tmp_path, SWIFT)
    (tmp_path / "SWIFT_KEY").chmod(0o644)
    keep(tmp_path, SWIFT)
    assert (tmp_path / "SWIFT_KEY").stat().st_mode & 0o777 == 0o600


def test_a_file_that_can_not_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "SWIFT_AUTH_URL").mkdir()
    with pytest.raises(IsADirectoryError):
        keep(tmp_path, SWIFT)
    assert os.listdir(tmp_path) == ["SWIFT_AUTH_URL"]


def test_only_what_the_network_needs_of_the_environment_goes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"HTTPS_PROXY": "http://user:pass@proxy:3128", "REQUESTS_CA_BUNDLE": "/ca.pem", "SECRET_KEY": "no"}
    write_credentials(OWN, tmp_path, environ)
    assert not (tmp_path / "SECRET_KEY").exists()
    for name in environ:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(name, "to be restored")  # what is read into the environment ends with the test
    read(tmp_path, SWIFT)
    assert (os.environ["HTTPS_PROXY"], os.environ["REQUESTS_CA_BUNDLE"]) == (environ["HTTPS_PROXY"], "/ca.pem")
    assert os.environ["SECRET_KEY"] == "to be restored"


def test_a_directory_that_kubernetes_made_of_a_secret_is_read(tmp_path: Path) -> None:
    """Of links, with newlines where a Secret was made of files, and with keys that are somebody else's."""
    (tmp_path / "..data").mkdir()
    texts = {"S3_ENDPOINT_URL": "http://h\n", "S3_ACCESS_KEY": "access\n", "S3_SECRET_KEY": "s3cret\n"}
    texts |= {"S3_REGION_NAME": "us-east-1", "S3_BUCKET_NAME": " users ", "S3_OTHER": "x"}
    for name, text in texts.items():
        (tmp_path / "..data" / name).write_text(text)
        (tmp_path / name).symlink_to(f"..data/{name}")
    assert read(tmp_path, S3) == S3


def test_development_has_its_defaults_for_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "SWIFT_KEY").write_text("s3cret")
    found = read(tmp_path, replace(SWIFT, create=True)).own
    assert found == SwiftSettings("http://swift_service:8080/auth/v1.0", "chris:chris1234", "s3cret", "users")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("SWIFT_KEY", b"s3cret\ns3cret", "can't be used: SWIFT_KEY: got a value of 13 characters"),
        ("SWIFT_KEY", b"", "can't be used: SWIFT_KEY: is not set"),
        ("SWIFT_AUTH_URL", b"http://user:s3cret@h", "can't be used: SWIFT_AUTH_URL: got a value of 20 characters"),
        ("SWIFT_AUTH_VERSION", b"3", "can't be used: SWIFT_PROJECT_NAME: is not set"),
        ("SWIFT_USERNAME", b"s3cret" * 20_000, "can't be read"),
        ("HTTPS_PROXY", b"s3cret\0", "can't be read"),
    ],
)
def test_what_cannot_be_used_is_refused_without_its_content(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    keep(tmp_path, SWIFT)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Refused) as raised:
        read(tmp_path, SWIFT)
    assert told in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "SWIFT_KEY").mkdir()
    with pytest.raises(Refused, match="can't be read: Is a directory"):
        read(tmp_path, SWIFT)


def test_where_there_are_no_credentials_at_all_the_secret_s_name_is_told(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "missing"):
        with pytest.raises(Refused, match=r"no credentials of swift in .*the Secret pfcon-swift"):
            read(directory, replace(SWIFT, create=True))
