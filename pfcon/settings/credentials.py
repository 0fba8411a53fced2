"""What a production service does not take as a key or password, and what it warns of. Pure."""

import re
from collections.abc import Iterator

from pfcon.settings import derived
from pfcon.settings.model import Mode, StorageName
from pfcon.settings.variable import Values, Variable
from pfcon.settings.variables import service, storage

_DISTINCT = {service.SECRET_KEY.name: 8, service.SECRET_KEY_PREVIOUS.name: 8, service.PFCON_PASSWORD.name: 4}
_MIN_LENGTH = {
    service.SECRET_KEY.name: service.SECRET_KEY_LENGTH,
    service.SECRET_KEY_PREVIOUS.name: service.SECRET_KEY_LENGTH,
    service.PFCON_PASSWORD.name: service.PASSWORD_LENGTH,
}
# Compared without case, punctuation and digits at the end.
_WELL_KNOWN = frozenset(
    re.sub(r"[^a-z0-9]", "", word.lower()).rstrip("0123456789")
    for word in (
        service.DEVELOPMENT_SECRET_KEY,
        service.DEVELOPMENT_PASSWORD,
        *(
            "chris",
            "chris1234",
            "cube1234",
            "pfcon",
            "pman",
            "fnndsc",
            "admin",
            "administrator",
            "user",
            "root",
        ),
        *(
            "changeme",
            "change-this",
            "replace-me",
            "change-me-please",
            "your-secret-key",
            "your-password",
            "todo",
        ),
        *(
            "secret",
            "secret-key",
            "my-secret-key",
            "my-secret",
            "supersecret",
            "super-secret-key",
            "topsecret",
        ),
        *(
            "password",
            "passwd",
            "passw0rd",
            "p4ssword",
            "my-password",
            "default",
            "example",
            "test",
            "testing",
        ),
        *("development", "development-key", "dev-secret-key", "insecure", "letmein", "welcome", "qwertyuiop"),
        *("minioadmin", "keyboardcat", "abcdefghijklmnopqrstuvwxyz"),
    )
)
_WELL_KNOWN_STORE_KEYS = frozenset({"testing", "minioadmin", "minio123", "chris1234"})


def check(values: Values) -> Iterator[str]:
    """Faults of SECRET_KEY, SECRET_KEY_PREVIOUS, PFCON_USER and PFCON_PASSWORD; development takes any."""
    if derived.mode(values) is not Mode.PRODUCTION:
        return
    for variable in (service.SECRET_KEY, service.PFCON_USER, service.PFCON_PASSWORD):
        if values.missing(variable):
            yield values.fault(variable, "production needs one")
    for secret in (service.SECRET_KEY, service.SECRET_KEY_PREVIOUS, service.PFCON_PASSWORD):
        value = values.get(secret)
        if value is not None and (reason := _weakness(secret, value)):
            yield values.fault(secret, reason)
    password = values.get(service.PFCON_PASSWORD)
    others = (service.PFCON_USER, service.SECRET_KEY, service.SECRET_KEY_PREVIOUS)
    if password is not None and password in [values.get(other) for other in others]:
        yield values.fault(service.PFCON_PASSWORD, "which is also the user or a secret key")


def warnings(values: Values) -> list[str]:
    """Lines about keys of the storage that everybody knows: they are another service's, which has to change them."""
    keys: dict[StorageName | None, tuple[Variable[str], ...]] = {
        StorageName.SWIFT: (storage.SWIFT_KEY,),
        StorageName.S3: (storage.S3_ACCESS_KEY, storage.S3_SECRET_KEY),
    }
    if derived.mode(values) is not Mode.PRODUCTION:
        return []
    return [
        f"{variable.name} is a well-known one: whoever reaches the storage can read all users' data"
        for variable in keys.get(derived.storage_name(values), ())
        if (values.get(variable) or "") in _WELL_KNOWN_STORE_KEYS
    ]


def _weakness(variable: Variable[str], value: str) -> str | None:
    plain = re.sub(r"[^a-z0-9]", "", value.lower())
    if len(value) < _MIN_LENGTH[variable.name]:
        return "which is too short"
    if len(set(value)) < _DISTINCT[variable.name] or value in (value + value)[1:-1]:
        return "which repeats itself"
    if plain.rstrip("0123456789") in _WELL_KNOWN or (plain and plain in "01234567890123456789"):
        return "which is well known"
    return None
