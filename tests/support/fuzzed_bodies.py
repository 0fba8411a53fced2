"""Bodies of requests: forms, uploads and JSON, most of them right but for a field."""

import json
from urllib.parse import quote

from hypothesis import strategies as st

from .fuzzed_texts import JIDS, rarely, raw, texts
from .live import PASSWORD, USER, make_zip

BOUNDARY = b"fuzz-boundary"
GOOD_ZIP = make_zip({"a.txt": "alpha", "dir/b.txt": "beta", "l.chrislink": "dir"})

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


def bodies(rule: str, method: str) -> st.SearchStrategy[tuple[bytes, bytes]]:
    """A Content-Type and a body, such as the route reads, mostly; cut off now and then."""
    any_body = st.one_of(_form_bodies, _json_bodies, _odd_bodies)
    if method != "POST":
        return rarely(st.just((b"", b"")), any_body)
    whole = rarely(_json_bodies if "auth-token" in rule else _form_bodies, any_body)
    cut = st.tuples(whole, st.integers(0, 10_000)).map(lambda drawn: (drawn[0][0], _cut(drawn[0][1], drawn[1])))
    return rarely(whole, cut)


def _cut(body: bytes, place: int) -> bytes:
    return body[: place % (len(body) + 1)]
