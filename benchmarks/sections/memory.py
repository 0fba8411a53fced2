"""Memory of all server processes while hostile uploads and outputs are dealt with."""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from benchmarks import attacks
from benchmarks.attacks import MIB
from benchmarks.client import HOST, PIECE
from benchmarks.faults import Broken
from benchmarks.plain import plain_tree
from benchmarks.report import Row, Table, at_most
from benchmarks.session import COPY, Server, Session
from benchmarks.staged import FSLINK, USERS, StagedJob

TARGET = at_most(200, " MiB in all")
PATIENCE = 1200.0  # seconds for a deletion
FILESYSTEM = {"PFCON_INNETWORK": "true", "STORAGE_ENV": "filesystem"}
NOTES = [
    "PSS of the first process and both workers together, looked at every 50 ms. A refusal is as good as a success; "
    "an answer that is cut short names its reason in the log: no zip has names of more than 65,535 bytes.",
]


@dataclass
class _Measured:
    """One section's server and table."""

    session: Session
    server: Server
    table: Table

    def attack(self, what: str, do: Callable[[], str]) -> None:
        """Watch the server meanwhile. ``do`` gives back how it ended."""
        self.session.say(what)
        begun = time.perf_counter()
        with self.server.watch() as watch:
            ended = do()
        seconds = time.perf_counter() - begun
        peak = watch.peak.pss / MIB
        own = f"{peak:.0f} MiB; {ended}; {seconds:.1f} s"
        self.table.rows.append(Row(what, own, target=TARGET, figure=peak))
        self.session.say(own)


def measure(session: Session) -> Table:
    """Uploads and outputs of storage zipfile; outputs, copies and deletions of fslink."""
    table = Table("Memory under attack", notes=list(NOTES))
    many = 100_000 if session.quick else 1_000_000
    with session.fresh("memory", keep=True) as directory:
        zips = directory / "zips"
        zips.mkdir()
        with session.server(directory) as server:
            measured = _Measured(session, server, table)
            rest = server.memory().pss / MIB
            table.notes.append(f"At rest: {rest:.0f} MiB.")
            _uploads(measured, zips, many)
            _zipped_outputs(measured, many)
        (directory / "storeBase").rename(directory / "first")
        with session.server(directory, settings=FSLINK) as server:
            _in_place(_Measured(session, server, table), many)
    return table


def _uploads(measured: _Measured, zips: Path, many: int) -> None:
    write = attacks.write_zip
    for what, path in (
        ("upload: 400 files below 1,740 directories each", write(zips / "a.zip", attacks.nested(400, 1740))),
        (
            f"upload: {many // 256} files below 255 directories each",
            write(zips / "b.zip", attacks.nested(many // 256, 255)),
        ),
        (f"upload: {many} files", write(zips / "c.zip", attacks.ordinary(many))),
        (f"upload: {many} files and 3 links", write(zips / "d.zip", attacks.ordinary(many, links=3))),
        ("upload: 30 links to 60 MiB", write(zips / "e.zip", attacks.multiplying(30, 60 * MIB))),
    ):
        jid = measured.server.job().jid
        measured.attack(f"{what}, {path.stat().st_size / 1e6:.1f} MB", partial(_upload, measured.server, jid, path))
        if (measured.server.storebase / f"key-{jid}").exists():
            measured.attack("deletion of that", partial(_delete, measured.server, jid))
        path.unlink()


def _zipped_outputs(measured: _Measured, many: int) -> None:
    server = measured.server
    for what, make in (
        ("400 nested directories with 4,096 files", lambda path: attacks.dig(path, 400, 4096)),
        ("1,000 nested directories with 4,096 files", lambda path: attacks.dig(path, 1000, 4096)),
        (f"{many} files in one directory", lambda path: attacks.fill(path, many)),
    ):
        job = server.job(COPY)
        server.run(job, measured.session.tree("tiny").path)
        make(server.outgoing(job))
        measured.attack(f"zip download: {what}", partial(_get, server, f"jobs/{job.jid}/file/"))
        measured.attack("deletion of that", partial(_delete, server, job.jid))


def _in_place(measured: _Measured, many: int) -> None:
    server = measured.server
    plain_tree("tiny", quick=measured.session.quick).write(server.storebase / USERS)
    for what, make in (
        ("400 nested directories with 4,096 files", lambda path: attacks.dig(path, 400, 4096)),
        ("1,000 nested directories with 4,096 files", lambda path: attacks.dig(path, 1000, 4096)),
        (f"{many} files in one directory", lambda path: attacks.fill(path, many)),
    ):
        job = StagedJob(server)
        job.copy("tiny")
        job.plugin("tiny")
        job.outputs.mkdir(parents=True, exist_ok=True)
        make(job.outputs)
        path = f"pluginjobs/{job.jid}/file/?job_output_path={quote(job.output_dir)}"
        measured.attack(f"list, fslink: {what}", partial(_get, server, path))
        later = StagedJob(server)
        measured.attack("a synchronous job that copies it", partial(_copy, server, later, job.output_dir))
        if later.key.exists():
            measured.attack("deletion of the copy", partial(_delete, server, later.jid))


def _upload(server: Server, jid: str, path: Path) -> str:
    job = server.job()
    fields = [(name, value) for name, value in job.fields() if name != "jid"] + [("jid", jid)]
    boundary = "----attack"
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    )
    head += f'--{boundary}\r\nContent-Disposition: form-data; name="data_file"; filename="a.zip"\r\n\r\n'
    tail = f"\r\n--{boundary}--\r\n".encode()
    size = len(head) + path.stat().st_size + len(tail)
    kind = f"Content-Type: multipart/form-data; boundary={boundary}\r\nContent-Length: {size}\r\n"
    start = server.client.request("jobs/").decode().replace("GET ", "POST ", 1).removesuffix("\r\n")
    with socket.create_connection((HOST, server.port), PATIENCE) as connection, path.open("rb") as file:
        try:
            connection.sendall((start + kind + "Connection: close\r\n\r\n" + head).encode())
            connection.sendfile(file)
            connection.sendall(tail)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server has answered before the end
        answer = b"".join(iter(lambda: connection.recv(PIECE), b""))
    return _told(answer)


def _copy(server: Server, job: StagedJob, source: str) -> str:
    fields = [(name, value) for name, value in server.job().fields() if name != "jid"]
    fields += [("jid", job.jid), ("input_dirs", source), ("output_dir", job.output_dir)]
    body = "&".join(f"{name}={quote(value)}" for name, value in fields).encode()
    kind = (
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    start = server.client.request("jobs/").decode().replace("GET ", "POST ", 1).removesuffix("\r\n")
    with socket.create_connection((HOST, server.port), PATIENCE) as connection:
        connection.sendall((start + kind).encode() + body)
        answer = b"".join(iter(lambda: connection.recv(PIECE), b""))
    return _told(answer)


def _told(answer: bytes) -> str:
    """The status, and the start of a refusal's message."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1].decode() if head else "no answer"
    try:
        message = json.loads(body).get("message", "")
    except ValueError:
        message = ""
    return f"{status} {str(message)[:60]}".strip()


def _get(server: Server, path: str) -> str:
    try:
        got = server.client.fetch(path)
    except Broken as fault:
        return str(fault).partition(":")[2][:60].strip()
    return f"{got.nbytes / 1e6:.0f} MB"


def _delete(server: Server, jid: str) -> str:
    server.client.delete(jid)
    deadline = time.monotonic() + PATIENCE
    trash = server.storebase / ".pfcon" / "trash"
    while trash.is_dir() and any(trash.iterdir()):
        if time.monotonic() > deadline:
            raise Broken(f"{jid} is still being removed")
        time.sleep(0.2)
    return "gone"
