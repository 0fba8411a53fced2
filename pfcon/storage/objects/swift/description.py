"""The swift storage: its name, its settings and their rules. Imports the store, and so its libraries, on first use."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pfcon.settings import kinds
from pfcon.settings.section import setting, variable
from pfcon.settings.variable import Mode, Values
from pfcon.storage.base import Storage
from pfcon.storage.description import StorageContext, StorageDescription
from pfcon.storage.objects.store import ObjectStore

DEFAULT_DOMAIN = "Default"  # the one that Keystone's bootstrap makes
_LINE = kinds.text("one line of text")
_REQUIRED = "required in production"


class SwiftAuth(StrEnum):
    """SWIFT_AUTH_VERSION: Swift's own tokens (1), or Keystone's (2, 3)."""

    V1 = "1"
    V2 = "2"
    V3 = "3"


@dataclass(frozen=True)
class SwiftSettings:
    """A Swift account and container. What follows ``auth_version`` is for Keystone."""

    auth_url: str = setting(
        "SWIFT_AUTH_URL",
        kinds.url(),
        "URL of the service that issues Swift's tokens; clients can see it.",
        development="http://swift_service:8080/auth/v1.0",
        note=_REQUIRED,
        required=True,
    )
    username: str = setting(
        "SWIFT_USERNAME",
        kinds.text("one line of text (ACCOUNT:USER)"),
        "Swift's user.",
        development="chris:chris1234",
        note=_REQUIRED,
        required=True,
        from_file=True,
    )
    key: str = setting(
        "SWIFT_KEY",
        _LINE,
        "Swift's key.",
        development="testing",
        note=_REQUIRED + "; a fixed one in development",
        required=True,
        secret=True,
    )
    container: str = setting(
        "SWIFT_CONTAINER_NAME",
        kinds.text("at most 256 characters without '/'", r"[^/\x00-\x1f\x7f]{1,256}"),
        "Container of the users' data; pfcon creates it in development mode.",
        development="users",
        note=_REQUIRED,
        required=True,
    )
    auth_version: SwiftAuth = setting(
        "SWIFT_AUTH_VERSION",
        kinds.choice(SwiftAuth),
        "Who issues Swift's tokens: Swift itself (1), or version 2 or 3 of Keystone's API, which needs `pip install "
        "'.[keystone]'`; `SWIFT_KEY` is then the password.",
        default="1",
    )
    project_name: str | None = setting(
        "SWIFT_PROJECT_NAME",
        _LINE,
        "Keystone's project (formerly: tenant).",
        note="required with auth version 2 or 3",
    )
    project_domain_name: str | None = setting(
        "SWIFT_PROJECT_DOMAIN_NAME",
        _LINE,
        "Domain of the project, with auth version 3.",
        note=f"`{DEFAULT_DOMAIN}` with auth version 3",
    )
    user_domain_name: str | None = setting(
        "SWIFT_USER_DOMAIN_NAME",
        _LINE,
        "Domain of the user, with auth version 3.",
        note=f"`{DEFAULT_DOMAIN}` with auth version 3",
    )
    region_name: str | None = setting(
        "SWIFT_REGION_NAME", _LINE, "Region of Keystone's catalog; the first one if unset."
    )

    @property
    def project_domain(self) -> str | None:
        """The domain of the project; None where auth versions have none."""
        return self.project_domain_name or self._default_domain

    @property
    def user_domain(self) -> str | None:
        """The domain of the user; None where auth versions have none."""
        return self.user_domain_name or self._default_domain

    @property
    def _default_domain(self) -> str | None:
        return DEFAULT_DOMAIN if self.auth_version is SwiftAuth.V3 else None


_OF_KEYSTONE = tuple(variable(SwiftSettings, name) for name in ("project_name", "region_name"))
_DOMAINS = tuple(variable(SwiftSettings, name) for name in ("project_domain_name", "user_domain_name"))
_REFUSED = {SwiftAuth.V1: (*_OF_KEYSTONE, *_DOMAINS), SwiftAuth.V2: _DOMAINS, SwiftAuth.V3: ()}


def _keystone(values: Values, _mode: Mode) -> Iterator[str]:
    """Keystone requires a project. Its options are refused with version 1, domains also with version 2."""
    version: SwiftAuth | None = values.get(variable(SwiftSettings, "auth_version"))
    if version is None:
        return
    chosen, project = f"SWIFT_AUTH_VERSION={version}", variable(SwiftSettings, "project_name")
    if version is not SwiftAuth.V1 and values.missing(project):
        yield values.fault(project, f"{chosen} needs it")
    for refused in _REFUSED[version]:
        if refused.name in values.texts:
            yield values.fault(refused, f"but {chosen} has no such option")


def _make(context: StorageContext[SwiftSettings]) -> Storage:
    from pfcon.storage.object_store import ObjectStorage

    def connect() -> ObjectStore:
        from pfcon.storage.objects.swift.store import SwiftStore

        return SwiftStore(context.own)

    return ObjectStorage(context, connect, {"swift_auth_url": context.own.auth_url})


SWIFT = StorageDescription("swift", "a container of OpenStack Swift", _make, settings=SwiftSettings, rules=_keystone)
