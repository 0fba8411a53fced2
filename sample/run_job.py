"""Runs one job through pfcon, as a client does, from its inputs to its outputs.

Standard library alone, but for users' files in an object store: see users_files.

With a storage that takes zips, the life of a job over HTTP is:

    POST   auth-token/         user and password for a token
    POST   jobs/               the description of the job as form fields, and the inputs as the zip ``data_file``
    GET    jobs/JID/           its status, until that is final
    GET    jobs/JID/file/      its outputs as a zip
    DELETE jobs/JID/           forget it, and remove its data

With an in-network storage, inputs and outputs are where pfcon finds them, and each step is a job by itself:

    POST   copyjobs/           where the inputs are, for a storage that says ``requires_copy_job``
    POST   pluginjobs/         the description of the job
    POST   uploadjobs/         where the outputs belong, for a storage that says ``requires_upload_job``
    GET    pluginjobs/JID/file/?job_output_path=PATH    the names of its outputs
    POST   deletejobs/         remove what was copied
    DELETE copyjobs/JID/       and the same of the other kinds: forget them
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from client import Client, Fields, SampleError
from users_files import STORES, UsersFiles, users_files

HERE = Path(__file__).resolve().parent
FINAL = ("finishedSuccessfully", "finishedWithError", "undefined")
KINDS = ("copyjobs", "pluginjobs", "uploadjobs", "deletejobs")
POLL_SECONDS = 0.5
SERVER_FAULTS = (SampleError, OSError, http.client.HTTPException)


def describe(jid: str, image: str) -> Fields:
    """The form fields of the sample job. A field that is a list comes once for each element."""
    command = ("sh", "-c", (HERE / "job.sh").read_text(), "sample")
    return [
        *(("entrypoint", word) for word in command),
        ("type", "ds"),  # the command gets the directories of the inputs and the outputs as its last two words
        ("image", image),  # the process engine has no use for it
        ("auid", "sample"),
        ("number_of_workers", "1"),
        ("cpu_limit", "1000"),  # millicores
        ("memory_limit", "200"),  # MiB
        ("gpu_limit", "0"),
        ("jid", jid),
    ]


def wait(client: Client, jid: str, seconds: float, kind: str = "jobs") -> dict[str, Any]:
    """Ask for the job's status until it is final, and say what changes. Raises SampleError when that takes too long."""
    told = ""
    until = time.monotonic() + seconds
    while True:
        compute = client.status(jid, kind)
        news = " ".join(text for text in (compute["status"], compute["message"]) if text)
        if news != told:
            say(f"status{'' if kind == 'jobs' else ' in ' + kind}: {news}")
            told = news
        if compute["status"] in FINAL:
            return compute
        if time.monotonic() > until:
            raise SampleError(f"job {jid} is still {news} after {seconds:g} seconds")
        time.sleep(POLL_SECONDS)


def follow(client: Client, jid: str, seconds: float, kind: str = "jobs") -> None:
    """Wait for the job and show its log. Raises SampleError when it fails."""
    compute = wait(client, jid, seconds, kind)
    for line in compute["logs"].splitlines():
        print(f"    | {line}", flush=True)
    if compute["status"] != FINAL[0]:
        raise SampleError(f"job {jid} ended as {compute['status']}: {compute['message'] or 'no message'}")


def list_outputs(files: list[tuple[int, str]]) -> None:
    """Show the outputs, (size in bytes, name) each. Raises SampleError when there are none."""
    if not files:
        raise SampleError("the job has no outputs")
    say(f"outputs, {len(files)} files:")
    for size, name in files:
        print(f"{size:>12} bytes  {name}", flush=True)


def zipped_outputs(client: Client, jid: str) -> list[tuple[int, str]]:
    """Fetch the outputs; gives back their sizes and names. Raises SampleError for a damaged zip."""
    with tempfile.TemporaryFile() as packed:
        client.download(jid, packed)
        try:
            with zipfile.ZipFile(packed) as archive:
                damaged = archive.testzip()
                members = archive.infolist()
        except zipfile.BadZipFile as fault:
            raise SampleError(f"the outputs are no zip: {fault}") from fault
    if damaged:
        raise SampleError(f"the outputs are damaged: {damaged}")
    return [(member.file_size, member.filename) for member in members]


@contextlib.contextmanager
def cleaned_up(clean: Callable[[], None]) -> Iterator[None]:
    """Clean up at the end; the first fault is the one to tell."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(*SERVER_FAULTS):
            clean()
        raise
    clean()


def run_with_zips(client: Client, jid: str, arguments: argparse.Namespace) -> None:
    """The life of a job whose inputs and outputs travel as zips. Raises SampleError, OSError and HTTPException."""
    answer = client.submit(describe(jid, arguments.image), arguments.inputs)
    say(f"posted job {jid}: {answer['data']['nfiles']} input files staged")
    with cleaned_up(lambda: client.delete(jid)):
        follow(client, jid, arguments.timeout)
        list_outputs(zipped_outputs(client, jid))
    say(f"deleted job {jid} and its data")


@contextlib.contextmanager
def offered(files: UsersFiles, jid: str, inputs: Path) -> Iterator[tuple[str, str]]:
    """Put the inputs where ChRIS keeps a user's files, and make the directory of the outputs, as ChRIS does.

    Gives the paths of both relative to the storage's root, and removes them at the end.
    """
    names = (f"home/sample/uploads/{jid}", f"home/sample/feeds/{jid}/data")
    try:
        files.upload(inputs, names[0])
        files.make_directory(names[1])
        yield names
    finally:
        for name in names:
            files.remove(name)


def run_in_network(client: Client, jid: str, arguments: argparse.Namespace) -> None:
    """The life of a job whose storage pfcon sees, step by step. Raises SampleError, OSError and HTTPException."""
    seconds = arguments.timeout
    needs = client.info("copyjobs")
    with (
        users_files(arguments.storage, arguments.storebase) as files,
        offered(files, jid, arguments.inputs) as (input_dir, output_dir),
        cleaned_up(lambda: delete_all(client, jid, seconds)),
    ):
        where = [("input_dirs", input_dir), ("output_dir", output_dir)]
        if needs["requires_copy_job"]:
            run_step(client, "copyjobs", [("jid", jid), *where], seconds)
        run_step(client, "pluginjobs", describe(jid, arguments.image) + where, seconds)
        if needs["requires_upload_job"]:
            run_step(client, "uploadjobs", [("jid", jid), ("job_output_path", output_dir)], seconds)
        sizes = files.sizes(output_dir)
        list_outputs([(sizes[path], path) for path in client.listing(jid, output_dir)])
    say(f"deleted job {jid}, what was copied for it, its inputs and outputs")


def run_step(client: Client, kind: str, fields: Fields, seconds: float) -> None:
    """Post a job of some kind and wait for its end. Raises SampleError when it fails."""
    client.post(kind, fields)
    jid = dict(fields)["jid"]
    say(f"posted {kind.removesuffix('jobs')} job {jid}")
    follow(client, jid, seconds, kind)


def delete_all(client: Client, jid: str, seconds: float) -> None:
    """Let a delete job remove what pfcon holds of the job, and forget its jobs of all kinds."""
    run_step(client, "deletejobs", [("jid", jid)], seconds)
    for kind in KINDS:
        client.delete(jid, kind)


def run(arguments: argparse.Namespace) -> None:
    """The whole life of the sample job. Raises SampleError, OSError and HTTPException."""
    client = Client(arguments.url)
    client.log_in(arguments.user, arguments.password)
    info = client.info()
    storage = info["storage_env"]
    say(f"pfcon {info['server_version']} at {arguments.url}, storage {storage}, jobs on {arguments.engine}")
    if storage != arguments.storage:
        raise SampleError(f"this pfcon's storage is {storage}, not {arguments.storage}; --storage tells this program")
    jid = f"sample-{uuid.uuid4().hex[:12]}"
    (run_with_zips if storage == "zipfile" else run_in_network)(client, jid, arguments)


def say(text: str) -> None:
    """One line of progress."""
    print(f"  {text}", flush=True)


def parse(words: list[str] | None) -> argparse.Namespace:
    """The options; ends the program with status 2 when they can't be served."""
    parser = argparse.ArgumentParser(description="Run the sample job through a pfcon.")
    option = parser.add_argument
    option("--url", default="http://127.0.0.1:5005/api/v1/", help="of the service; default %(default)s")
    option("--user", default="pfcon", help="default %(default)s")
    option("--password", default="pfcon1234", help="default: that of development mode")
    option("--image", default="local/pfcon-sample:1", help="default %(default)s, from sample/image.sh")
    option("--engine", default="the server's engine", help="what the output calls the engine")
    option("--storage", default="zipfile", help="zipfile, filesystem, fslink, swift, s3, or one of another package")
    option("--storebase", type=Path, help="(not with zipfile, swift, s3) the directory of the users' files")
    option("--inputs", type=Path, default=HERE / "inputs", help="directory of the job's inputs")
    option("--timeout", type=float, default=120.0, help="seconds that each step may take")
    arguments = parser.parse_args(words)
    if arguments.storage not in ("zipfile", *STORES) and arguments.storebase is None:
        parser.error(f"--storage {arguments.storage} needs --storebase")
    return arguments


def main(words: list[str] | None = None) -> int:
    """The command line; exit status 0 only when everything went well."""
    arguments = parse(words)
    try:
        run(arguments)
    except SERVER_FAULTS as fault:
        print(f"sample job: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
