"""Whole lives that the released clients give a job, on any server."""

from pathlib import Path
from typing import Any

import pytest
from pfconclient import client as client3
from pfconclient.exceptions import PfconRequestException

from .client4 import Client4, Client4Error
from .live import COPY_ALL, JOB_FIELDS, new_jid

DONE = "finishedSuccessfully"
COPY_LIMITS = {"cpu_limit": 1000, "memory_limit": 200}
INPUTS = {"a.txt": "alpha", "sub/b c.txt": "beta"}


def write(root: Path) -> str:
    """Make the input files below ``root``; gives it back as a text."""
    for name, content in INPUTS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return str(root)


def read(root: Path) -> dict[str, str]:
    """All files below ``root`` by their relative names."""
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def forget(client: Client4, jid: str, *kinds: str) -> None:
    """DELETE jobs of all these kinds, twice; the server answers 204 each time and knows none of them afterwards."""
    for _ in range(2):
        for kind in kinds:
            client("delete_job", kind, jid)
    for kind in kinds:
        with pytest.raises(Client4Error) as caught:
            client("get_job_status", kind, jid)
        assert (caught.value.name, caught.value.code) == ("PfconRequestException", 404)


def delete_data(client: Client4, jid: str) -> None:
    """What ChRIS does at the end of an instance: a delete job, awaited."""
    assert client("submit_job", "delete", jid, {})["compute"]["jid"] == jid
    assert client("poll_job_status", "delete", jid) == DONE


def innetwork_fields(storebase: Path, jid: str) -> dict[str, Any]:
    """A user's inputs in storage, and the directory that ChRIS makes for the outputs."""
    write(storebase / f"home/chris/uploads/{jid}")
    output_dir = f"home/chris/feeds/feed_1/pl-test_{jid}/data"
    (storebase / output_dir).mkdir(parents=True)
    (storebase / output_dir).chmod(0o777)
    return {"input_dirs": [f"home/chris/uploads/{jid}"], "output_dir": output_dir}


def zip_life_of_client_3(client: client3.Client, directory: Path) -> None:
    """From inputs to outputs, both below ``directory``, and removal."""
    client.initial_wait = 0.2  # seconds
    jid = new_jid()
    inputs = write(directory / "inputs")
    status = client.run_job(jid, {**JOB_FIELDS, "args": [COPY_ALL]}, inputs, str(directory / "out"))
    assert status == DONE
    (directory / "out" / f"{jid}.zip").unlink(missing_ok=True)
    assert read(directory / "out") == INPUTS
    with pytest.raises(PfconRequestException) as caught:
        client.get_job_status(jid)
    assert caught.value.code == 404


def zip_life_of_client_4(client: Client4, storebase: Path, directory: Path) -> None:
    """From a zip to files below ``directory``, out of network."""
    info = client("get_server_info")
    assert (info["pfcon_innetwork"], info["requires_copy_job"], info["requires_upload_job"]) == (False, False, False)
    jid = new_jid()
    inputs = write(directory / "inputs")
    answer = client("submit_job", "plugin", jid, {**JOB_FIELDS, "args": [COPY_ALL]}, inputs)
    assert answer["data"]["nfiles"] == 2
    assert answer["compute"]["logs"] == ""
    assert client("poll_job_status", "plugin", jid) == DONE
    compute = client("get_job_status", "plugin", jid)["compute"]
    assert (compute["logs"], compute["exit_code"]) == ("copied\n", 0)
    client("get_plugin_job_files", jid, str(directory / "out"))
    assert read(directory / "out") == INPUTS
    delete_data(client, jid)
    assert not (storebase / f"key-{jid}").exists()
    assert client("get_job_status", "plugin", jid)["compute"]["status"] == DONE
    forget(client, jid, "plugin", "delete")


def fslink_life_of_client_4(client: Client4, storebase: Path) -> None:
    """From a copy job to a delete job, in network."""
    info = client("get_server_info")
    assert (info["pfcon_innetwork"], info["storage_env"]) == (True, "fslink")
    assert (info["requires_copy_job"], info["requires_upload_job"]) == (True, False)
    jid = new_jid()
    where = innetwork_fields(storebase, jid)
    output_dir = where["output_dir"]
    assert client("submit_job", "copy", jid, {**where, **COPY_LIMITS})["compute"]["jid"] == jid
    assert client("poll_job_status", "copy", jid) == DONE
    client("submit_job", "plugin", jid, {**JOB_FIELDS, **where, "args": [COPY_ALL]})
    assert client("poll_job_status", "plugin", jid) == DONE
    assert client("get_job_status", "plugin", jid)["compute"]["logs"] == "copied\n"
    upload = client("submit_job", "upload", jid, {"job_output_path": output_dir, **COPY_LIMITS})["compute"]
    assert (upload["status"], upload["message"], upload["jid"]) == (DONE, "uploadSkipped", jid)
    listed = client("get_plugin_job_json_data", jid, output_dir)
    assert listed["job_output_path"] == output_dir
    assert sorted(listed["rel_file_paths"]) == sorted(INPUTS)
    assert read(storebase / output_dir) == INPUTS
    delete_data(client, jid)
    assert not (storebase / f"key-{jid}").exists()
    assert read(storebase / output_dir) == INPUTS  # the outputs are ChRIS's by now
    forget(client, jid, "copy", "plugin", "upload", "delete")
