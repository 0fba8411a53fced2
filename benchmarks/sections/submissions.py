"""Trivial jobs per second in containers, beside creating and starting the same containers by hand."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any

from support.engines import IMAGE

from benchmarks import sdk
from benchmarks.apart import run_apart
from benchmarks.client import LIMITS, Job
from benchmarks.faults import Broken
from benchmarks.report import Row, Table, at_least, median
from benchmarks.session import NOTHING, Server, Session
from pfcon.compute.docker.spec import create_body
from pfcon.models import INCOMING, OUTGOING, JobId, JobKind, JobSpec, Mount, Resources

TARGET = at_least(0.9)
CLIENTS = (1, 8)
SAME = ("Memory", "MemorySwap", "NanoCpus", "PidsLimit", "CapDrop", "SecurityOpt", "NetworkMode", "ShmSize")
PIDS = 4096  # PFCON_PIDS_LIMIT's default
NOTES = [
    "pfcon: POST with a zip of one byte, until the 201. beside: the SDK's create_container and start with one shared "
    "client and the same limits, mounts and restrictions. Interleaved in rounds; removal is not counted.",
]


def measure(session: Session) -> Table:
    """One client, and eight at once. Raises NotHere without a container engine."""
    engine, url = session.container_engine()
    table = Table(f"Submissions on {engine}", notes=list(NOTES))
    rounds, size = (2, 8) if session.quick else (4, 16)
    with session.fresh("submissions") as directory, session.server(directory, engine, url) as server:
        template = _template(session, server, url)
        for clients in CLIENTS:
            own, bare = [], []
            for number in range(rounds):
                session.say(f"submissions with {clients} clients, {number + 1} of {rounds}")
                bodies = [(f"{server.label}-sdk-{clients}-{number}-{n}", template) for n in range(size)]
                bare.append(run_apart(sdk.run_containers, url, bodies, clients))
                own.append(_submit(session, server, [server.job() for _ in range(size)], clients))
            title = f"{rounds * size} trivial jobs, {clients} clients"
            table.rows.append(
                Row(title, _told(own, size), f"SDK {_told(bare, size)}", median(bare) / median(own), TARGET)
            )
    return table


def _told(seconds: Sequence[float], size: int) -> str:
    return f"{size / median(seconds):.2f} jobs/s, {median(seconds) / size * 1000:.0f} ms each"


def _submit(session: Session, server: Server, jobs: Sequence[Job], clients: int) -> float:
    path = session.tree("tiny").path
    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        for result in [pool.submit(server.client.submit, job, path) for job in jobs]:
            result.result()
    return time.perf_counter() - begun


def _template(session: Session, server: Server, url: str) -> dict[str, Any]:
    """A body for the bare loop, once a container made with it has turned out to be like one of pfcon's."""
    job = server.job()
    server.run(job, session.tree("tiny").path)
    jid = JobId.parse(job.jid)
    key = f"key-{job.jid}"
    spec = JobSpec(
        name=job.jid,
        jid=jid,
        kind=JobKind.PLUGIN,
        image=IMAGE,
        argv=(*NOTHING, str(INCOMING), str(OUTGOING)),
        mounts=(
            Mount(PurePosixPath(key, "incoming"), INCOMING, read_only=True),
            Mount(PurePosixPath(key, "outgoing"), OUTGOING, read_only=False),
        ),
        resources=Resources(cpu=int(LIMITS["cpu_limit"]), memory=int(LIMITS["memory_limit"]), pids=PIDS),
        labels=(("pfcon.benchmark", server.label),),
    )
    body = create_body(spec, PurePosixPath(server.storebase))
    name = f"{server.label}-sdk"
    run_apart(sdk.run_containers, url, [(name, body)], 1)
    _require_same(url, job.jid, name)
    return body


def _require_same(url: str, own: str, bare: str) -> None:
    client = sdk.connect(url)
    found = [client.inspect_container(name)["HostConfig"] for name in (own, bare)]
    client.close()
    differing = [key for key in SAME if found[0].get(key) != found[1].get(key)]
    if differing or len(found[0].get("Mounts") or []) != len(found[1].get("Mounts") or []):
        raise Broken(f"pfcon's containers are not like those of the bare loop: {differing or 'mounts'}")
