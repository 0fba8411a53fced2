"""The arithmetic of the benchmarks' tables; nothing is timed here."""

import os
import random
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

sys.path.append(str(Path(__file__).parents[2]))  # the benchmarks are not installed

from benchmarks.counting import CountedCommands, CountingTcpRelay
from benchmarks.report import Row, Table, at_least, at_most, percentile, speed
from benchmarks.requests import RequestParser, kind_of
from benchmarks.trees import make_tree, random_pieces, text_pool


def test_a_lower_bound_is_kept_by_what_reaches_it() -> None:
    assert at_least(3).verdict(3.0) == "PASS"
    assert at_least(3).verdict(2.4) == "short of it (80%)"


def test_an_upper_bound_is_missed_by_what_exceeds_it() -> None:
    assert at_most(100, " ms").verdict(100) == "PASS"
    assert at_most(100, " ms").verdict(400) == "short of it (25%)"


def test_a_target_is_compared_with_the_ratio_unless_a_figure_is_given() -> None:
    assert Row("x", "1 s", "3 s", 3.0, at_least(3)).cells()[3:] == ("3.00×", "≥ 3×", "PASS")
    assert Row("x", "9/s", "", 3.0, at_least(10, "/s"), figure=9).cells()[3:] == (
        "3.00×",
        "≥ 10/s",
        "short of it (90%)",
    )


def test_a_target_without_anything_to_compare_it_with_is_an_error() -> None:
    with pytest.raises(ValueError, match="without a figure"):
        Row("x", "1 s", target=at_least(3)).cells()


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 99), percentile(values, 100)) == (50, 99, 100)
    assert percentile([7.0], 99) == 7.0
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)


def test_a_speed_is_that_of_the_median_and_tells_the_spread() -> None:
    assert speed(10_000_000, [4.0, 1.0, 2.0]) == "2.00 s (1.00 to 4.00), 5 MB/s"
    assert speed(10_000_000, [2.0]) == "2.00 s, 5 MB/s"


def test_a_table_is_markdown_whatever_its_cells_hold() -> None:
    text = Table("T", [Row("a|b", "1")], ["note"]).markdown()
    assert text.splitlines()[4] == r"| a\|b | 1 |  |  |  |  |"
    assert text.endswith("\n\n- note\n")


def test_a_tree_is_what_its_description_says(tmp_path: Path) -> None:
    tree = make_tree("many10k", tmp_path, quick=True)
    with zipfile.ZipFile(tree.path) as archive:
        sizes = [member.file_size for member in archive.infolist()]
        assert archive.testzip() is None
    assert (len(sizes), sum(sizes)) == (tree.nfiles, tree.nbytes) == (1000, 10_240_000)
    assert tree.path.stat().st_size > 0.99 * tree.nbytes


def test_text_compresses_as_text_does_and_random_data_does_not() -> None:
    import zlib

    rng = random.Random(1)
    text = b"".join(text_pool(rng)[:200])
    assert 0.3 < len(zlib.compress(text)) / len(text) < 0.5
    data = next(random_pieces(rng, [rng.randbytes(2**20)]))
    assert len(zlib.compress(data)) > len(data)


def parsed(*pieces: bytes) -> list[str]:
    found: list[str] = []
    parser = RequestParser(found.append)
    for piece in pieces:
        parser.feed(piece)
    return found


REQUESTS = (
    b"POST /v1.41/containers/create?name=x HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n"
    b"PUT /upload HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n4\r\nGET \r\n2;x=y\r\n\r\n\r\n0\r\n\r\n"
    b"GET /events HTTP/1.1\r\n\r\n"
)
LINES = ["POST /v1.41/containers/create?name=x HTTP/1.1", "PUT /upload HTTP/1.1", "GET /events HTTP/1.1"]


def test_requests_of_a_kept_connection_are_found_between_their_bodies() -> None:
    assert parsed(REQUESTS) == LINES


def test_requests_are_found_however_their_bytes_arrive() -> None:
    for size in (1, 7, 64):
        assert parsed(*(REQUESTS[at : at + size] for at in range(0, len(REQUESTS), size))) == LINES


def test_a_request_is_counted_once_its_head_is_complete() -> None:
    assert parsed(b"GET / HTTP/1.1\r\nHost: x\r\n") == []


def test_requests_are_counted_without_their_ids() -> None:
    assert kind_of(f"GET /v1.41/containers/{'a' * 64}/logs?tail=9 HTTP/1.1") == "GET /containers/*/logs"
    assert kind_of("GET /services/pfcon-bench-9f-12 HTTP/1.1") == "GET /services/*"
    assert kind_of("GET /api/v1/pods?labelSelector=x&watch=1 HTTP/1.1") == "GET /api/v1/pods (watch)"


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_relay_counts_the_requests_that_it_passes_on() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with CountingTcpRelay(f"tcp://127.0.0.1:{server.server_port}") as relay, requests.Session() as session:
            for path in ("a", "a", "b?x=1"):
                assert session.get(f"http://{relay.url}/{path}", timeout=30).text == "ok"
            counts = relay.counts()
        server.shutdown()
    assert counts == {"GET /a": 2, "GET /b": 1}


def test_commands_are_counted_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = tmp_path / "real"
    real.mkdir()
    real.joinpath("squeue").write_text('#!/bin/sh\necho "$# $2"\nexit 3\n')
    real.joinpath("squeue").chmod(0o755)
    monkeypatch.setenv("PATH", str(real), prepend=":")
    commands = CountedCommands(tmp_path)
    environ = {**os.environ, "PATH": commands.path}
    done = subprocess.run(["squeue", "--me", "a b"], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "2 a b\n")
    assert commands.counts() == {"squeue": 1}
