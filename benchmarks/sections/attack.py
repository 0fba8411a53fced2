"""How long ``health/`` and a status take while clients hold connections that they do not use."""

import time

from benchmarks.attackers import Attack, Attackers
from benchmarks.client import HOST
from benchmarks.memory import group, peak_of
from benchmarks.pauses import PauseWatch
from benchmarks.probe import HealthProbe
from benchmarks.report import Row, Table, Target, at_most, mb, ms, percentile
from benchmarks.session import Server, Session

TARGET = at_most(100, " ms")
FORM = "application/x-www-form-urlencoded"
ZIP = "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="data_file"; filename="d"\r\n\r\n'
SLOWLY = b"x" * 1000
NOTES = [
    "500 connections of which half send nothing and half a piece of a head; 200 that send a byte a second, half of "
    "them in a head, half in a body (auth-token/, copyjobs/ with a token and without); 50 uploads with a token that "
    "stop. Who is closed comes again a second later.",
    "Two processes ask every 20 ms, each time on a new connection. Everything shares the machine's cores.",
]


def measure(session: Session) -> Table:
    """A minute of it."""
    table = Table("The longest answers under attack", notes=list(NOTES))
    with session.fresh("attack") as directory, session.server(directory) as server:
        job = server.job()
        server.run(job, session.tree("tiny").path)
        status = server.client.lone_request(f"jobs/{job.jid}/")
        seconds = 10.0 if session.quick else 60.0
        session.say("health and status without an attack")
        table.rows += _probe(server, status, seconds, "no attack")
        session.say("health and status under attack")
        attackers = Attackers(server.port, _attacks(server))
        with attackers:
            table.rows += _probe(server, status, seconds, "attack", TARGET)
        peak = sum(peak_of(pid) for pid in group(server.leader))
        said = f"{attackers.closed} connections were closed in the attack; RSS of all processes up to {mb(peak)}."
        table.notes.append(said)
    return table


def _probe(server: Server, status: bytes, seconds: float, when: str, target: Target | None = None) -> list[Row]:
    with PauseWatch() as pauses, HealthProbe(server.port) as health, HealthProbe(server.port, status) as statuses:
        time.sleep(seconds)
    waited = "a process of real-time priority waited" if pauses.real_time else "another process waited"
    return [
        _row(f"health/, {when}", health.seconds, target),
        _row(f"jobs/<jid>/ with a token, {when}", statuses.seconds, target),
        Row(f"the machine itself, {when}", f"longest {ms(pauses.longest)} that {waited} for a core"),
    ]


def _attacks(server: Server) -> list[Attack]:
    client = server.client
    open_post = f"POST /api/v1/%s HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n"
    return [
        Attack(250, b""),
        Attack(250, b"GET /api/v1/health/ HTTP/1.1\r\nHost: x"),
        Attack(100, b"GET /api/v1/health/ HTTP/1.1\r\nX: ", SLOWLY),
        Attack(40, (open_post % ("auth-token/", "application/json")).encode(), SLOWLY),
        Attack(30, (open_post % ("copyjobs/", FORM)).encode(), SLOWLY),
        Attack(30, client.begun_post("copyjobs/", FORM, 1000), SLOWLY),
        Attack(50, client.begun_post("jobs/", ZIP, 10**9) + PART + SLOWLY),
    ]


def _row(what: str, seconds: list[float], target: Target | None) -> Row:
    longest = max(seconds)
    own = f"longest {ms(longest)}, p99 {ms(percentile(seconds, 99))}, p50 {ms(percentile(seconds, 50))}"
    return Row(what, f"{own} of {len(seconds)}", target=target, figure=longest * 1000)
