"""Tokens."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from pfcon import auth
from pfcon.errors import Refused, Unauthorized
from pfcon.settings.model import AuthSettings

KEY = "k" * 40
SETTINGS = AuthSettings(user="pfcon", password="pw-é", secret_key=KEY)


def token(**changes: object) -> str:
    claims = {"pfcon_user": "pfcon", "exp": datetime.now(UTC) + timedelta(hours=1), **changes}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, KEY, "HS256")


def test_a_token_that_was_issued_is_accepted() -> None:
    auth.verify_header(SETTINGS, "Bearer " + auth.issue_token(SETTINGS, "pfcon", "pw-é"))


def test_wrong_credentials_get_no_token() -> None:
    for user, password in (("pfcon", "pw"), ("root", "pw-é"), ("", "")):
        with pytest.raises(Refused, match="Unable to log in"):
            auth.issue_token(SETTINGS, user, password)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"exp": datetime.now(UTC) - timedelta(seconds=1)}, "Expired"),
        ({"exp": None}, "Invalid authorization token"),
        ({"pfcon_user": "root"}, "Invalid authorization token"),
        ({"pfcon_user": None}, "Invalid authorization token"),
    ],
)
def test_a_token_that_says_something_else_is_refused(changes: dict[str, object], text: str) -> None:
    with pytest.raises(Unauthorized, match=text):
        auth.verify_header(SETTINGS, "Bearer " + token(**changes))


def test_secrets_do_not_show_in_the_settings_text() -> None:
    assert KEY not in repr(SETTINGS)
    assert "pw-é" not in repr(SETTINGS)
