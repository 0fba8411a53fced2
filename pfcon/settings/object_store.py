"""The settings of an object store by themselves, as texts by variable: what operations are told of them. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pfcon.errors import ConfigurationError
from pfcon.settings import build, rules
from pfcon.settings.model import Mode, S3Settings, StorageName, StorageSettings, SwiftSettings
from pfcon.settings.read import parse
from pfcon.settings.source import collect
from pfcon.settings.variable import Variable
from pfcon.settings.variables import service, storage

VARIABLES: dict[StorageName, tuple[Variable[Any], ...]] = {
    StorageName.SWIFT: (*storage.SWIFT, storage.SWIFT_AUTH_VERSION, *storage.KEYSTONE, *storage.KEYSTONE_DOMAINS),
    StorageName.S3: storage.S3,
}
"""All that says where a store is, and who uses it."""


def to_texts(settings: StorageSettings) -> dict[str, str]:
    """The texts by variable that these settings would be read from; ``from_texts`` is the inverse."""
    pairs: dict[Variable[Any], str | None] = {}
    if settings.swift:
        pairs |= _swift(settings.swift)
    if settings.s3:
        pairs |= _s3(settings.s3)
    return {variable.name: text for variable, text in pairs.items() if text is not None}


def _swift(swift: SwiftSettings) -> dict[Variable[Any], str | None]:
    return {
        storage.SWIFT_AUTH_URL: swift.auth_url,
        storage.SWIFT_USERNAME: swift.username,
        storage.SWIFT_KEY: swift.key,
        storage.SWIFT_CONTAINER_NAME: swift.container,
        storage.SWIFT_AUTH_VERSION: swift.auth_version.value,
        storage.SWIFT_PROJECT_NAME: swift.project_name,
        storage.SWIFT_PROJECT_DOMAIN_NAME: swift.project_domain_name,
        storage.SWIFT_USER_DOMAIN_NAME: swift.user_domain_name,
        storage.SWIFT_REGION_NAME: swift.region_name,
    }


def _s3(s3: S3Settings) -> dict[Variable[Any], str | None]:
    return {
        storage.S3_ENDPOINT_URL: s3.endpoint_url,
        storage.S3_ACCESS_KEY: s3.access_key,
        storage.S3_SECRET_KEY: s3.secret_key,
        storage.S3_REGION_NAME: s3.region,
        storage.S3_BUCKET_NAME: s3.bucket,
    }


def from_texts(known: StorageSettings, texts: Mapping[str, str]) -> StorageSettings:
    """These settings with those of the store, read and checked as the service reads its environment.

    Raises ConfigurationError, which shows no value: clients are told of an operation's faults.
    """
    own = VARIABLES.get(known.name, ())
    mode = Mode.DEVELOPMENT if known.create else Mode.PRODUCTION
    told = {service.APPLICATION_MODE.name: mode.value, storage.STORAGE_ENV.name: known.name.value}
    environ = {**{variable.name: texts.get(variable.name, "") for variable in own}, **told}
    asked = (service.APPLICATION_MODE, storage.STORAGE_ENV)
    hidden = [replace(variable, secret=True) for variable in own]
    values, faults = parse(collect(environ, (*asked, *own)), (*asked, *hidden))
    faults += [*rules.storage_needs(values), *rules.keystone(values)]
    if faults:
        raise ConfigurationError(faults)
    return replace(
        known,
        swift=build.swift(values) if known.name is StorageName.SWIFT else None,
        s3=build.s3(values) if known.name is StorageName.S3 else None,
    )
