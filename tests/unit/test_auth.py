"""Tokens, and the credentials that they are given for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from pfcon import auth
from pfcon.errors import Unauthorized
from pfcon.settings.service import AuthSettings

KEY = "k" * 40
SETTINGS = AuthSettings(user="pfcon", password="pw-é", secret_key=KEY)
NEW_KEY = replace(SETTINGS, secret_key="n" * 40)
ROTATED = replace(NEW_KEY, previous_key=KEY)


def token(**changes: object) -> str:
    claims = jwt.decode(auth.issue_token(SETTINGS), KEY, ["HS256"])
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(claims, KEY, "HS256")


def verify(settings: AuthSettings, text: str) -> None:
    auth.verify_header(settings, "Bearer " + text)


def test_a_token_that_was_issued_is_accepted() -> None:
    verify(SETTINGS, auth.issue_token(SETTINGS))
    verify(SETTINGS, token())


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("pfcon", "pw"),
        ("root", "pw-é"),
        ("", ""),
        ("pfcon", "\ud800"),
        ("\udc80", "pw-é"),
        ("pfcon", "pw-é\0"),
        ("pfcon", "x" * 60_000),
    ],
)
def test_wrong_credentials_are_told_from_the_right_ones(user: str, password: str) -> None:
    assert auth.is_right(SETTINGS, "pfcon", "pw-é")
    assert not auth.is_right(SETTINGS, user, password)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"exp": datetime.now(UTC) - timedelta(seconds=1)}, "Expired"),
        ({"exp": None}, "Invalid authorization token"),
        ({"pfcon_user": "root"}, "Invalid authorization token"),
        ({"pfcon_user": None}, "Invalid authorization token"),
        ({"for": None}, "Invalid authorization token"),
        ({"for": "A" * 22}, "Invalid authorization token"),
        ({"for": "\ud800"}, "Invalid authorization token"),
        ({"for": 7}, "Invalid authorization token"),
    ],
)
def test_a_token_that_says_something_else_is_refused(changes: dict[str, object], text: str) -> None:
    with pytest.raises(Unauthorized, match=text):
        verify(SETTINGS, token(**changes))


@pytest.mark.parametrize("other", [{"password": "new-one"}, {"user": "chris"}, {"secret_key": "n" * 40}])
def test_a_token_dies_with_what_it_was_given_for(other: dict[str, str]) -> None:
    with pytest.raises(Unauthorized, match="Invalid authorization token"):
        verify(replace(SETTINGS, **other), auth.issue_token(SETTINGS))


def test_the_previous_key_verifies_and_signs_nothing() -> None:
    verify(ROTATED, auth.issue_token(SETTINGS))
    verify(NEW_KEY, auth.issue_token(ROTATED))
    with pytest.raises(Unauthorized, match="Invalid authorization token"):
        verify(SETTINGS, auth.issue_token(ROTATED))
    with pytest.raises(Unauthorized, match="Expired"):
        verify(ROTATED, token(exp=datetime.now(UTC) - timedelta(seconds=1)))


def test_a_token_of_the_previous_key_dies_with_the_password_too() -> None:
    with pytest.raises(Unauthorized, match="Invalid authorization token"):
        verify(replace(ROTATED, password="new-one"), auth.issue_token(SETTINGS))


def test_a_token_fits_into_the_clients_column_whatever_the_credentials() -> None:
    longest = replace(SETTINGS, user="u" * 198, password="p" * 10_000)
    assert len(auth.issue_token(longest)) < 500
    verify(longest, auth.issue_token(longest))


@pytest.mark.parametrize(
    "header",
    [
        *("Bearer ..", "Bearer a.b.c", "Bearer é", "Bearer \x00", "Bearer " + "." * 5000, "Bearer W10.W10.W10"),
        "Bearer " + jwt.utils.base64url_encode(b"[" * 50_000).decode() + ".e30.x",
        "Bearer eyJhbGciOiJIUzI1NiJ9." + jwt.utils.base64url_encode(b"[" * 50_000).decode() + ".x",
    ],
)
def test_what_is_no_token_is_unauthorized(header: str) -> None:
    with pytest.raises(Unauthorized, match="Invalid authorization"):
        auth.verify_header(SETTINGS, header)


def test_secrets_do_not_show_in_the_settings_text() -> None:
    assert KEY not in repr(ROTATED)
    assert "pw-é" not in repr(ROTATED)
