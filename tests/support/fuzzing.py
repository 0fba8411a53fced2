"""Requests that nobody would write, for all routes that an application has, and what every answer to them must be.

A request is bytes, so that it can be given to the application or be sent over a socket. Most have a valid token, and
most fields are right, so that they get past the first check. Commands of jobs are harmless.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_from_bytes

import jwt
from flask import Flask
from hypothesis import strategies as st

from .live import PASSWORD, USER, make_zip

REQUESTS = int(os.environ.get("PFCON_TEST_FUZZ") or 2000)  # of all fuzzing tests together
JIDS = ("fuzz-1", "fuzz-2", "fuzz-3", "fuzz-3-copy")
BOUNDARY = b"fuzz-boundary"
GOOD_ZIP = make_zip({"a.txt": "alpha", "dir/b.txt": "beta", "l.chrislink": "dir"})

Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class Fuzzed:
    """One request. ``target``: path and query as the request line has them."""

    method: str
    target: bytes
    headers: tuple[Header, ...]
    body: bytes


def rarely(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any], times: int = 9) -> st.SearchStrategy[Any]:
    """``usual`` so many times as often as ``odd``."""
    return st.integers(0, times).flatmap(lambda drawn: odd if drawn == times else usual)


hostile_texts = st.sampled_from(
    [
        *("", " ", "\0", "a\0b", "\n", "..", "../..", "/", "//", "a/../b", ".pfcon", ".pfcon/records", "key-fuzz-1"),
        *(
            "n" * 300,
            "n/" * 1500,
            "é" * 200,
            "\ud800",
            "\udc80\udcff",
            "\u202e",
            "\ufeff",
            "\U0001f600" * 64,
            "%00",
            "%s%n",
        ),
        *("-1", "0", "1e9", "9" * 30, "NaN", "true", "'; DROP TABLE jobs; --", "${HOME}", "$(id)", "<b>", "a=b", "="),
        *("home/in/l.chrislink", "home/in/a.txt", "home/in/loop", "home/in/loop/loop/x", "home/in/a.txt/x"),
    ]
)
texts = st.one_of(hostile_texts, st.text(max_size=40))
raw = st.one_of(texts.map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=60))
quoted = st.one_of(
    raw.map(quote_from_bytes),
    raw.map(lambda value: quote_from_bytes(value, safe="/")),
    st.sampled_from(["%", "%zz", "%u0041", "+"]),
)


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

_paths = rarely(st.sampled_from(["home/in", "home/out", "home/in/a.txt"]), texts)
FIELDS: dict[str, st.SearchStrategy[str]] = {
    "jid": rarely(st.sampled_from(JIDS), texts),
    "image": rarely(st.just("local/any:1"), texts),
    "args": texts,
    "args_path_flags": texts,
    "type": rarely(st.sampled_from(["ds", "fs", "ts"]), texts),
    "auid": rarely(st.just("chris"), texts),
    "number_of_workers": rarely(st.just("1"), texts),
    "cpu_limit": rarely(st.just("1000"), texts),
    "memory_limit": rarely(st.just("300"), texts),
    "gpu_limit": rarely(st.just("0"), texts),
    "time_limit": rarely(st.just("60"), texts),
    "env": st.one_of(st.just("A=b"), texts, texts.map("X={}".format)),
    "input_dirs": _paths,
    "output_dir": _paths,
    "job_output_path": _paths,
}
_commands = rarely(  # nothing that changes anything
    st.sampled_from([("true",), ("true",), ("sh", "-c", "exit 3"), ("no-such-program",)]),
    texts.map(lambda text: ("/nonexistent/" + text,)),
)


@st.composite
def forms(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Fields of a job: all that are needed, but for a few that are left out, come twice, or are unknown."""
    pairs = [("entrypoint", word) for word in draw(_commands)]
    for name, values in FIELDS.items():
        times = draw(rarely(st.just(1), st.integers(0, 3), times=15))
        pairs += [(name, draw(values)) for _ in range(times)]
    if draw(st.integers(0, 9)) == 0:
        pairs.append((draw(texts), draw(texts)))
    return pairs


def _urlencoded(pairs: list[tuple[str, str]]) -> bytes:
    return "&".join(
        f"{quote(name.encode('utf-8', 'surrogatepass'))}={quote(value.encode('utf-8', 'surrogatepass'))}"
        for name, value in pairs
    ).encode()


def _multipart(pairs: list[tuple[str, str]], upload: bytes | None) -> bytes:
    parts = [(name, b"", value.encode("utf-8", "surrogatepass")) for name, value in pairs]
    if upload is not None:
        parts.append(("data_file", b'; filename="in.zip"\r\nContent-Type: application/zip', upload))
    body = b""
    for name, more, value in parts:
        disposition = b'Content-Disposition: form-data; name="' + name.encode("utf-8", "surrogatepass") + b'"' + more
        body += b"--" + BOUNDARY + b"\r\n" + disposition + b"\r\n\r\n" + value + b"\r\n"
    return body + b"--" + BOUNDARY + b"--\r\n"


_uploads = st.one_of(
    st.none(),
    st.just(GOOD_ZIP),
    st.just(GOOD_ZIP),
    st.binary(max_size=200),
    st.tuples(st.integers(0, len(GOOD_ZIP) - 1), st.binary(min_size=1, max_size=4)).map(
        lambda drawn: GOOD_ZIP[: drawn[0]] + drawn[1] + GOOD_ZIP[drawn[0] + len(drawn[1]) :]
    ),
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
_credentials = st.fixed_dictionaries(
    {},
    optional={
        "pfcon_user": rarely(st.just(USER), _json, times=3),
        "pfcon_password": rarely(st.just(PASSWORD), _json, times=3),
    },
)
_deep = st.sampled_from([b"[" * 60_000, b'{"a":' * 10_000, b"[" * 30_000 + b"]" * 30_000, b"9" * 5000, b'"\\ud800"'])
_multipart_type = b"multipart/form-data; boundary=" + BOUNDARY
_form_bodies = st.one_of(
    forms().map(lambda pairs: (b"application/x-www-form-urlencoded", _urlencoded(pairs))),
    st.tuples(forms(), _uploads).map(lambda drawn: (_multipart_type, _multipart(*drawn))),
    st.tuples(forms(), _uploads).map(lambda drawn: (_multipart_type, _multipart(*drawn))),
)
_json_bodies = st.one_of(
    st.one_of(_json, _credentials).map(lambda value: json.dumps(value).encode()),
    _credentials.map(lambda value: json.dumps(value).encode()),
    _deep,
    raw,
).map(lambda body: (b"application/json", body))
_odd_types = [
    *(b"application/x-www-form-urlencoded", _multipart_type, b"multipart/form-data", b"application/json; charset=\xff"),
    *(
        b'multipart/form-data; boundary=\xff"',
        b"text/plain; charset=\xff",
        b"multipart/form-data; boundary=" + b"b" * 300,
    ),
]
_odd_bodies = st.tuples(st.one_of(st.sampled_from(_odd_types), raw), raw)


def _bodies(rule: str, method: str) -> st.SearchStrategy[tuple[bytes, bytes]]:
    """A Content-Type and a body, such as the route reads, mostly; cut off now and then."""
    any_body = st.one_of(_form_bodies, _json_bodies, _odd_bodies)
    if method != "POST":
        return rarely(st.just((b"", b"")), any_body)
    whole = rarely(_json_bodies if "auth-token" in rule else _form_bodies, any_body)
    cut = st.tuples(whole, st.integers(0, 10_000)).map(lambda drawn: (drawn[0][0], _cut(drawn[0][1], drawn[1])))
    return rarely(whole, cut)


def _cut(body: bytes, place: int) -> bytes:
    return body[: place % (len(body) + 1)]


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
        return st.builds(build, methods, targets(rule), authorizations, _bodies(rule, method), headers)

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
    assert told.keys() == {"message"}, (status, told)
    assert told["message"], (status, told)
