"""Requests that nobody would write, for all routes that an application has, and what every answer to them must be.

A request is bytes, so that it can be given to the application or be sent over a socket. Most have a valid token, and
most fields are right, so that they get past the first check. Commands of jobs are harmless.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass

import jwt
from flask import Flask
from hypothesis import strategies as st

from .fuzzed_bodies import bodies
from .fuzzed_texts import JIDS, quoted, rarely, raw
from .live import USER

REQUESTS = int(os.environ.get("PFCON_TEST_FUZZ") or 2000)  # of all fuzzing tests together

Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Fuzzed:
    """One request. ``target``: path and query as the request line has them."""

    method: str
    target: bytes
    headers: tuple[Header, ...]
    body: bytes


def _jid() -> st.SearchStrategy[str]:
    return rarely(st.sampled_from(JIDS), quoted)


_RECORD_VALUES = {
    "status": ("started", "undefined,finishedWithError", "notStarted"),
    "kind": ("plugin", "copy,upload", "delete"),
    "owner": ("chris",),
    "image": ("local/any:1",),
    "since": ("2026-01-31T08:00:00Z", "2026-01-31", "0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59"),
    "until": ("2026-01-31T08:00:00.5-03:30", "20260131T08"),
    "limit": ("1", "1000", "0"),
    "cursor": (
        "WzE3LjUsImZ1enotMSIsImNvcHkiXQ",
        "WzE3LjUsImZ1enotMVx1MDAwMCIsImNvcHkiXQ",
        "WzFlOTk5LCJ4IiwieCJd",
        "e30",
        "W" * 300,
    ),
}
_EVENT_VALUES = {
    "jid": JIDS,
    "kind": ("plugin", "copy,upload", "delete"),
    "last_event_id": ("0", "1", "17", "9" * 18, "9" * 19, "-1", "1.0"),
}


def _queries(known: dict[str, tuple[str, ...]]) -> st.SearchStrategy[str]:
    """Queries of a resource whose parameters, with some of their values, are known."""
    parameters = st.sampled_from(sorted(known)).flatmap(
        lambda name: rarely(st.sampled_from(known[name]), quoted).map(f"{name}={{}}".format)
    )
    drawn = st.lists(rarely(parameters, quoted, times=20), min_size=1, max_size=4)
    return drawn.map(lambda one: "?" + "&".join(one))


_QUERIES = {"/records/": _queries(_RECORD_VALUES), "/events/": _queries(_EVENT_VALUES)}


def targets(rule: str) -> st.SearchStrategy[bytes]:
    """Paths of a route, with values for its variables; some that are nearly such."""
    pieces = [_jid() if part.startswith("<") else st.just(part) for part in rule.split("/")]
    paths = st.tuples(*pieces).map("/".join)
    bent = st.tuples(paths, quoted, st.integers(0, 200)).map(lambda drawn: _bend(*drawn))
    queries = rarely(
        st.just("?job_output_path=home/out"),
        st.one_of(
            quoted.map("?job_output_path=home/out/{}".format),
            quoted.map("?job_output_path={}".format),
            quoted.map("?{}".format),
        ),
        times=2,
    )
    queries = next((own for end, own in _QUERIES.items() if rule.endswith(end)), queries)
    plain = st.tuples(rarely(paths, bent), rarely(st.just(""), queries, times=1)).map("".join)
    return plain.map(lambda text: text.encode("ascii", "replace"))


def routes(app: Flask) -> list[tuple[str, str]]:
    """Every rule of the application with each of its methods; those that take bodies come oftener."""
    pairs = sorted(
        (rule.rule, method) for rule in app.url_map.iter_rules() for method in (rule.methods or set()) - {"OPTIONS"}
    )
    return pairs + 4 * [pair for pair in pairs if pair[1] == "POST"]


def _bend(path: str, text: str, place: int) -> str:
    place %= len(path) + 1
    return [path + text, path[:place] + text + path[place:], path.rstrip("/"), path.replace("/", "//"), path.upper()][
        place % 5
    ]


_odd_methods = st.sampled_from(["GET", "POST", "DELETE", "PUT", "PATCH", "TRACE", "OPTIONS", "X"])


def tokens(valid: str) -> st.SearchStrategy[Header | None]:
    """An ``Authorization`` header, mostly a valid one."""
    wrong = [
        jwt.encode({"pfcon_user": USER, "exp": 4e9}, "x" * 32, "HS256"),
        jwt.encode({"pfcon_user": USER, "exp": 4e9}, None, "none"),
        *(
            "initial_token",
            valid[:-3],
            valid + "x",
            "a.b.c",
            "..",
            jwt.utils.base64url_encode(b"[" * 20_000).decode() + ".e30.x",
        ),
    ]
    odd = st.one_of(
        st.none(),
        st.sampled_from(
            [b"Bearer", b"Bearer ", b"Basic abc", b"bearer " + valid.encode(), b"Bearer  " + valid.encode()]
        ),
        st.sampled_from(wrong).map(lambda token: b"Bearer " + token.encode()),
        raw.map(lambda value: b"Bearer " + value),
        raw,
    )
    good = st.just((b"Authorization", b"Bearer " + valid.encode()))
    return rarely(good, odd.map(lambda value: None if value is None else (b"Authorization", value)), times=12)


_NAMES = [
    *(b"Accept", b"Accept-Encoding", b"Cookie", b"Range", b"If-None-Match", b"If-Modified-Since", b"Host", b"Origin"),
    *(b"X-Forwarded-For", b"X-Forwarded-Proto", b"X-Forwarded-Host", b"Content-Encoding", b"Last-Event-ID"),
]
_known_values = [
    *((b"Accept", b"text/plain"), (b"Accept", b"text/html"), (b"Range", b"bytes=0-1")),
    *((b"Host", host) for host in (b"[::1", b"a:b:c", b"x" * 300, b"\xc3\xa9.\xff", b"xn--", b"a..b", b"")),
]
_more = st.lists(st.one_of(st.tuples(st.sampled_from(_NAMES), raw), st.sampled_from(_known_values)), max_size=2)


def requests(app: Flask, token: str) -> st.SearchStrategy[Fuzzed]:
    """Requests for the application; ``token`` is a valid one. Header values have no line breaks."""

    def build(
        method: str, target: bytes, authorization: Header | None, body: tuple[bytes, bytes], more: list[Header]
    ) -> Fuzzed:
        headers = [
            *([authorization] if authorization else []),
            *([(b"Content-Type", body[0])] if body[0] else []),
            *more,
        ]
        clean = tuple((name, value.translate(None, b"\r\n\0").strip()) for name, value in headers)
        return Fuzzed(method, target, clean, body[1])

    authorizations = tokens(token)
    headers = rarely(st.just([]), _more, times=4)

    def for_route(rule: str, method: str) -> st.SearchStrategy[Fuzzed]:
        methods = rarely(st.just(method), _odd_methods, times=20)
        return st.builds(build, methods, targets(rule), authorizations, bodies(rule, method), headers)

    known = {pair: for_route(*pair) for pair in routes(app)}
    return st.sampled_from(routes(app)).flatmap(known.__getitem__)


def check_answer(
    request: Fuzzed, status: int, content_type: str, body: Callable[[], bytes], also: tuple[int, ...] = ()
) -> None:
    """Fail for a server's fault, and for an error that is not ``{"message": ...}``; ``also``: further statuses."""
    assert status < 500 or status in (503, 507, *also), (status, body())
    if status < 300 or status == 304 or request.method == "HEAD":
        return
    assert content_type == "application/json", (status, content_type, body())
    told = json.loads(body())
    if status == 503 and "keeper" in told:
        return  # of ready/
    assert told.keys() == {"message"}, (status, told)
    assert told["message"], (status, told)
