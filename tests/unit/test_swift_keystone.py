"""Swift with tokens of Keystone. The Keystone is a fake, its tokens and the Swift are real."""

import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from fakes.keystone import DOMAIN, PASSWORD, PROJECT, REGIONS, USER, Keystone, keystone
from support.engines import swift_url
from support.object_stores import SWIFT_KEY, SWIFT_USER, ObjectHarness

from pfcon.errors import ConfigurationError, Refused
from pfcon.storage.objects.http import Timeouts
from pfcon.storage.objects.store import Transient
from pfcon.storage.objects.swift.description import SwiftAuth, SwiftSettings
from pfcon.storage.objects.swift.login import versioned
from pfcon.storage.objects.swift.store import SwiftStore

TIMEOUTS = Timeouts(30.0, 30.0)


@pytest.fixture
def server() -> Iterator[Keystone]:
    with keystone(swift_url(), SWIFT_USER, SWIFT_KEY) as made:
        yield made


@pytest.fixture
def objects() -> Iterator[ObjectHarness]:
    """The same container, by Swift's own tokens."""
    harness = ObjectHarness("swift")
    harness.store.create_container()
    yield harness
    harness.close()


def settings(server: Keystone, container: str, version: str, **changes: Any) -> SwiftSettings:
    domain = DOMAIN if version == "3" else None
    values: dict[str, Any] = {
        "auth_url": server.url,
        "username": USER,
        "key": PASSWORD,
        "container": container,
        "auth_version": SwiftAuth(version),
        "project_name": PROJECT,
        "project_domain_name": domain,
        "user_domain_name": domain,
        "region_name": REGIONS[0],
    }
    return SwiftSettings(**{**values, **changes})


@pytest.mark.engine("swift")
@pytest.mark.parametrize("version", ["2", "3"])
def test_objects_are_reached_with_a_token_of_keystone(
    server: Keystone, objects: ObjectHarness, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    objects.put("some", b"12345")
    store = SwiftStore(settings(server, objects.container, version), TIMEOUTS)
    store.check()
    with store.download("some") as download:
        assert b"".join(download.chunks) == b"12345"
    assert server.logins == 1
    for secret in (PASSWORD, "AUTH_tk", "X-Subject-Token"):
        assert secret not in caplog.text


@pytest.mark.engine("swift")
@pytest.mark.parametrize("version", ["2", "3"])
def test_a_wrong_password_is_refused_and_not_told(server: Keystone, version: str) -> None:
    store = SwiftStore(settings(server, "users", version, key="a-wrong-password"), TIMEOUTS)
    with pytest.raises(Refused, match="SWIFT_USERNAME and SWIFT_KEY are refused") as caught:
        store.check()
    assert "a-wrong-password" not in str(caught.value)


@pytest.mark.engine("swift")
def test_a_region_that_keystone_does_not_know_is_refused(server: Keystone) -> None:
    store = SwiftStore(settings(server, "users", "3", region_name="nowhere"), TIMEOUTS)
    with pytest.raises(Refused, match="nowhere region not found"):
        store.check()


@pytest.mark.engine("swift")
def test_a_url_that_is_no_keystone_is_refused(server: Keystone) -> None:
    store = SwiftStore(settings(server, "users", "3", auth_url=f"{server.url}/other/v3"), TIMEOUTS)
    with pytest.raises(Refused, match="there is no Keystone at"):
        store.check()


@pytest.mark.engine("swift")
def test_a_keystone_that_is_down_may_come_back(server: Keystone) -> None:
    with keystone(swift_url(), SWIFT_USER, SWIFT_KEY) as gone:
        given = settings(gone, "users", "3")
    with pytest.raises(Transient, match="connection refused"):
        SwiftStore(given, TIMEOUTS).check()


def test_without_its_library_the_service_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keystoneauth1", None)
    given = SwiftSettings("http://keystone", USER, PASSWORD, "users", SwiftAuth.V3, PROJECT, "Default", "Default")
    with pytest.raises(ConfigurationError, match=r"pip install '\.\[keystone\]'"):
        SwiftStore(given, TIMEOUTS)


@pytest.mark.parametrize(
    ("url", "version", "wanted"),
    [
        ("http://k:5000", "v3", "http://k:5000/v3"),
        ("http://k/identity/", "v3", "http://k/identity/v3"),
        ("http://k/identity/v3/", "v3", "http://k/identity/v3/"),
        ("http://k/v2.0", "v2.0", "http://k/v2.0"),
    ],
)
def test_the_version_is_added_to_a_url_without_one(url: str, version: str, wanted: str) -> None:
    assert versioned(url, version) == wanted
