"""Logs in to a Swift account: with Swift itself (auth version 1), or with Keystone (2 and 3)."""

from collections.abc import Callable
from importlib.util import find_spec
from urllib.parse import urlsplit

from swiftclient import client as swiftclient
from swiftclient.exceptions import ClientException

from pfcon.errors import ConfigurationError, Refused
from pfcon.storage.objects.http import Timeouts, one_line
from pfcon.storage.objects.swift.description import SwiftAuth, SwiftSettings
from pfcon.storage.objects.swift.faults import NETWORK_FAULTS, RequestTarget, connection_error, response_error
from pfcon.storage.objects.swift.session import Access

Login = Callable[[], Access]
SERVICE_TYPE = "object-store"  # of the catalog, "OpenStack service types authority"


def login_of(settings: SwiftSettings, timeouts: Timeouts) -> Login:
    """Return a function that logs in; it raises Transient, Refused. ConfigurationError if a library is missing."""
    if settings.auth_version is SwiftAuth.V1:
        return lambda: _login_1(settings, timeouts)
    if find_spec("keystoneauth1") is None:
        raise ConfigurationError(
            [
                f"SWIFT_AUTH_VERSION: got {settings.auth_version.value!r}, which needs the package keystoneauth1; "
                "install it with `pip install '.[keystone]'` in pfcon's repository"
            ]
        )
    return lambda: _login_keystone(settings, timeouts)


def _login_1(settings: SwiftSettings, timeouts: Timeouts) -> Access:
    place = settings.auth_url
    try:
        url, token = swiftclient.get_auth(
            place, settings.username, settings.key, auth_version="1", timeout=tuple(timeouts)
        )
    except ClientException as error:
        raise response_error(error, RequestTarget(place, secrets=(settings.key,))) from None
    except NETWORK_FAULTS as fault:
        raise connection_error(fault, place) from None
    return _access(url, token, place)


def _login_keystone(settings: SwiftSettings, timeouts: Timeouts) -> Access:
    from keystoneauth1 import exceptions as keystone
    from keystoneauth1 import session
    from keystoneauth1.identity import v2, v3

    place = settings.auth_url
    if settings.auth_version is SwiftAuth.V2:
        plugin: v2.Password | v3.Password = v2.Password(
            versioned(place, "v2.0"),
            username=settings.username,
            password=settings.key,
            tenant_name=settings.project_name,
        )
    else:
        plugin = v3.Password(
            versioned(place, "v3"),
            username=settings.username,
            password=settings.key,
            project_name=settings.project_name,
            project_domain_name=settings.project_domain,
            user_domain_name=settings.user_domain,
        )
    try:
        made = session.Session(auth=plugin, timeout=timeouts.read)
        token = made.get_token()
        url = made.get_endpoint(service_type=SERVICE_TYPE, interface="public", region_name=settings.region_name)
    except keystone.ConnectionError as fault:
        raise connection_error(fault, place) from None
    except keystone.HttpError as error:
        raise _response_error(error.http_status, str(error.message), settings) from None
    except keystone.ClientException as error:
        raise Refused(f"{place}: {one_line(str(error), (settings.key,))}") from None
    return _access(url, token, place)


def _response_error(status: int, text: str, settings: SwiftSettings) -> Exception:
    error = ClientException("", http_status=status, http_response_content=text.encode())
    if status == 404:
        return Refused(f"there is no Keystone at {settings.auth_url} (404)")
    return response_error(error, RequestTarget(settings.auth_url, secrets=(settings.key,)))


def _access(url: str | None, token: str | None, place: str) -> Access:
    if not url or not token:
        raise Refused(f"{place} returned no URL of an account; is SWIFT_AUTH_URL right?")
    return Access(url, token)


def versioned(url: str, version: str) -> str:
    """Return Keystone's URL with the version appended, unless it ends in one."""
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    return url if last in ("v2.0", "v3") else f"{url.rstrip('/')}/{version}"
