"""Tokens that look right and are not: none of them is accepted, and none raises anything but Unauthorized."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from pfcon import auth
from pfcon.errors import Unauthorized
from pfcon.settings.service import AuthSettings

KEY = "k" * 40
SETTINGS = AuthSettings(user="pfcon", password="a good password", secret_key=KEY)
GOOD = auth.issue_token(SETTINGS)
CLAIMS = jwt.decode(GOOD, options={"verify_signature": False})
TOMORROW = datetime.now(UTC) + timedelta(days=1)  # when it is imported; the suite may last for hours


def encoded(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value, default=str).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(header: Any, claims: Any, digest: Callable[..., Any] = hashlib.sha256, key: str = KEY) -> str:
    """A token with exactly this header and these claims, signed with the service's own key."""
    text = f"{encoded(header)}.{encoded(claims)}"
    return f"{text}.{encoded(hmac.new(key.encode(), text.encode(), digest).digest())}"


HEAD, BODY, SIGNATURE = GOOD.split(".")
VARIANTS = {
    "no algorithm": f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{BODY}.",
    "no algorithm, other case": f"{encoded({'alg': 'nOnE'})}.{BODY}.",
    "no algorithm, old signature": f"{encoded({'alg': 'none'})}.{BODY}.{SIGNATURE}",
    "no signature": f"{HEAD}.{BODY}.",
    "no last part": f"{HEAD}.{BODY}",
    "another algorithm of the same key": signed({"alg": "HS512"}, CLAIMS, hashlib.sha512),
    "an asymmetric algorithm": signed({"alg": "RS256"}, CLAIMS),
    "no algorithm in the header": signed({"typ": "JWT"}, CLAIMS),
    "another key": signed({"alg": "HS256"}, CLAIMS, key="x" * 40),
    "an empty key": signed({"alg": "HS256"}, CLAIMS, key=""),
    "critical extension": signed({"alg": "HS256", "crit": ["b64"], "b64": False}, CLAIMS),
    "claims are a list": signed({"alg": "HS256"}, [CLAIMS]),
    "claims are no JSON": signed({"alg": "HS256"}, b"\xff\xfe"),
    "claims nested deeply": signed({"alg": "HS256"}, b"[" * 100_000),
    "header nested deeply": f"{encoded(b'{' + b'%s' % (b'[' * 100_000))}.{BODY}.{SIGNATURE}",
    "header is a list": signed(["HS256"], CLAIMS),
    "other claims, old signature": f"{HEAD}.{encoded({**CLAIMS, 'exp': 2**31})}.{SIGNATURE}",
    "expiry is no number": signed({"alg": "HS256"}, {**CLAIMS, "exp": "tomorrow"}),
    "expiry is a list": signed({"alg": "HS256"}, {**CLAIMS, "exp": [2**31]}),
    "expiry is a truth value": signed({"alg": "HS256"}, {**CLAIMS, "exp": None}),
    "expiry is infinite": signed({"alg": "HS256"}, json.dumps({**CLAIMS, "exp": float("inf")}).encode()),
    "expiry is no real number": signed({"alg": "HS256"}, json.dumps({**CLAIMS, "exp": float("nan")}).encode()),
    "not valid yet": signed({"alg": "HS256"}, {**CLAIMS, "nbf": int(TOMORROW.timestamp())}),
    "user is a list": signed({"alg": "HS256"}, {**CLAIMS, "pfcon_user": ["pfcon"]}),
    "of another password": auth.issue_token(AuthSettings(user="pfcon", password="another password", secret_key=KEY)),
    "without a mark": signed({"alg": "HS256"}, {name: value for name, value in CLAIMS.items() if name != "for"}),
    "for an audience": signed({"alg": "HS256"}, {**CLAIMS, "aud": "another service"}),
    "four parts": GOOD + "." + SIGNATURE,
    "not base64": "a.b.c",
    "dots": "..",
    "text": "initial_token",
    "not ASCII": "é" * 30,
    "NUL": GOOD + "\0",
    "huge": "a" * 1_000_000,
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_of_a_token_is_refused(name: str) -> None:
    with pytest.raises(Unauthorized, match="authorization token"):
        auth.verify_header(SETTINGS, f"Bearer {VARIANTS[name]}")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", f"Basic {GOOD}", GOOD, f"Bearer {GOOD} {GOOD}", f"Bearer\t{GOOD}", "\udcff x"]
)
def test_a_header_of_another_form_is_refused(header: str) -> None:
    with pytest.raises(Unauthorized, match="authorization header"):
        auth.verify_header(SETTINGS, header)


def test_the_good_one_is_accepted() -> None:
    """Or the tests above would show nothing."""
    auth.verify_header(SETTINGS, f"Bearer {GOOD}")
    auth.verify_header(SETTINGS, f"bearer {signed({'alg': 'HS256'}, CLAIMS)}")
