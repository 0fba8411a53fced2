"""``pfcon logs -f`` over connections that break."""

import subprocess
import sys
from pathlib import Path

from support.http_relay import HttpRelay
from support.live import PASSWORD, USER, Api, LiveServer, make_zip, new_jid

import pfcon
from pfcon.testing.waiting import PATIENCE


def test_a_log_whose_stream_is_cut_off_again_and_again_has_each_line_once(api: Api, server: LiveServer) -> None:
    jid = new_jid()
    api.submit(jid, "for n in $(seq 1 60); do echo line $n; sleep 0.05; done; seq 61 5000", make_zip({"a": "b"}))
    environ = {"PYTHONPATH": str(Path(pfcon.__file__).parents[1]), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    with HttpRelay(server.port) as relay:
        for after in (200, 400, 300, 700, 10_000):
            relay.cut(after, containing="/logs/")
        environ |= {"PFCON_URL": f"http://127.0.0.1:{relay.port}", "PFCON_USER": USER, "PFCON_PASSWORD": PASSWORD}
        done = subprocess.run(
            [sys.executable, "-m", "pfcon", "logs", "-f", jid],
            env=environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert relay.count(containing="/logs/") == 6
    assert done.stdout.split("\n") == [*(f"line {n}" for n in range(1, 61)), *map(str, range(61, 5001)), ""]
    assert "finishedSuccessfully" in done.stderr
    api.delete(f"jobs/{jid}/")
