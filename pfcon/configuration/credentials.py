"""Rules for keys and passwords in production, and warnings. Pure functions."""

import re
from collections.abc import Iterator

from pfcon.configuration.chosen import Chosen
from pfcon.settings import service
from pfcon.settings.parsing import mode_of
from pfcon.settings.rules import required
from pfcon.settings.section import variable, variables
from pfcon.settings.service import AuthSettings, WebhookSettings
from pfcon.settings.variable import Mode, Values, Variable

SECRET_KEY: Variable[str] = variable(AuthSettings, "secret_key")
SECRET_KEY_PREVIOUS: Variable[str] = variable(AuthSettings, "previous_key")
PFCON_USER: Variable[str] = variable(AuthSettings, "user")
PFCON_PASSWORD: Variable[str] = variable(AuthSettings, "password")
PFCON_WEBHOOK_SECRET: Variable[str] = variable(WebhookSettings, "secret")
_KEYS = (SECRET_KEY, SECRET_KEY_PREVIOUS, PFCON_WEBHOOK_SECRET)
_DISTINCT = {**{key.name: 8 for key in _KEYS}, PFCON_PASSWORD.name: 4}
_MIN_LENGTH = {
    **{key.name: service.SECRET_KEY_LENGTH for key in _KEYS},
    PFCON_PASSWORD.name: service.PASSWORD_LENGTH,
}
# Compared in lower case, without punctuation and trailing digits.
_WELL_KNOWN = frozenset(
    re.sub(r"[^a-z0-9]", "", text.lower()).rstrip("0123456789")
    for text in (
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
    """Yield faults of keys, of PFCON_USER and of PFCON_PASSWORD; none in development."""
    if mode_of(values) is not Mode.PRODUCTION:
        return
    yield from required(AuthSettings, values, "pfcon needs it")
    for secret in (*_KEYS, PFCON_PASSWORD):
        value = values.get(secret)
        if value is not None and (reason := _weakness(secret, value)):
            yield values.fault(secret, reason)
    password = values.get(PFCON_PASSWORD)
    others = (PFCON_USER, *_KEYS)
    if password is not None and password in [values.get(other) for other in others]:
        yield values.fault(PFCON_PASSWORD, "which is also the user or a key")


def warnings(values: Values, chosen: Chosen) -> list[str]:
    """Return warnings about well-known keys of the storage. They are not faults: only the storage can change them."""
    if mode_of(values) is not Mode.PRODUCTION or chosen.storage is None:
        return []
    return [
        f"{known.name} is a well-known value: anyone who can reach the storage can read all users' data"
        for known in variables(chosen.storage.settings)
        if known.secret and (values.get(known) or "") in _WELL_KNOWN_STORE_KEYS
    ]


def _weakness(secret: Variable[str], value: str) -> str | None:
    plain = re.sub(r"[^a-z0-9]", "", value.lower())
    if len(value) < _MIN_LENGTH[secret.name]:
        return "which is too short"
    if len(set(value)) < _DISTINCT[secret.name] or value in (value + value)[1:-1]:
        return "which repeats itself"
    if plain.rstrip("0123456789") in _WELL_KNOWN or (plain and plain in "01234567890123456789"):
        return "which is well known"
    return None
