"""The released python-pfconclient 4.0.0, unchanged, through its life cycles against a live server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.client4 import Client4, Client4Error, command_line
from support.client_lives import (
    COPY_LIMITS,
    DONE,
    INPUTS,
    delete_data,
    forget,
    fslink_life_of_client_4,
    innetwork_fields,
    read,
    zip_life_of_client_4,
)
from support.live import COPY_ALL, JOB_FIELDS, PASSWORD, USER, LiveServer, new_jid

OPTIONS = {name: value for name, value in JOB_FIELDS.items() if name != "env"}  # its command line has none for that


@pytest.fixture
def client(live: LiveServer) -> Iterator[Client4]:
    """A client of the server that takes zips."""
    with Client4(live.url) as ready:
        yield ready


@pytest.fixture
def fslink_client(fslink: LiveServer) -> Iterator[Client4]:
    """A client of the server with fslink."""
    with Client4(fslink.url) as ready:
        yield ready


def test_this_is_the_released_client(client: Client4) -> None:
    assert client("version") == "4.0.0"


def test_out_of_network_from_zip_to_files(client: Client4, live: LiveServer, tmp_path: Path) -> None:
    zip_life_of_client_4(client, live.storebase, tmp_path)


def test_out_of_network_there_is_nothing_to_copy_or_upload(client: Client4) -> None:
    jid = new_jid()
    copied = client("submit_job", "copy", jid, {"output_dir": "home/x", **COPY_LIMITS})["compute"]
    assert (copied["status"], copied["message"], copied["jid"]) == (DONE, "copySkipped", jid)
    uploaded = client("submit_job", "upload", jid, {"job_output_path": "home/x", **COPY_LIMITS})["compute"]
    assert (uploaded["status"], uploaded["message"], uploaded["jid"]) == (DONE, "uploadSkipped", jid)
    forget(client, jid, "copy", "upload")


def test_in_network_fslink_from_copy_to_delete(fslink_client: Client4, fslink: LiveServer) -> None:
    fslink_life_of_client_4(fslink_client, fslink.storebase)


def test_in_network_filesystem_without_a_copy(filesystem: LiveServer) -> None:
    with Client4(filesystem.url) as client:
        info = client("get_server_info")
        assert info["storage_env"] == "filesystem"
        assert (info["requires_copy_job"], info["requires_upload_job"]) == (False, False)
        jid = new_jid()
        where = innetwork_fields(filesystem.storebase, jid)
        client("submit_job", "plugin", jid, {**JOB_FIELDS, **where, "args": [COPY_ALL]})
        assert client("poll_job_status", "plugin", jid) == DONE
        listed = client("get_plugin_job_json_data", jid, where["output_dir"])
        assert listed["job_output_path"] == where["output_dir"]
        assert sorted(listed["rel_file_paths"]) == sorted(INPUTS)
        delete_data(client, jid)
        assert read(filesystem.storebase / where["output_dir"]) == INPUTS
        assert read(filesystem.storebase / where["input_dirs"][0]) == INPUTS
        forget(client, jid, "plugin", "delete")


def test_the_first_request_of_a_fresh_cube_carries_a_token_that_is_none(live: LiveServer) -> None:
    with Client4(live.url, "initial_token") as client:
        for kind in ("copy", "plugin", "upload", "delete"):
            with pytest.raises(Client4Error) as caught:
                client("get_job_status", kind, "any")
            assert (caught.value.name, caught.value.code) == ("PfconRequestInvalidTokenException", 401)


def submit_words(fields: dict[str, Any]) -> list[str]:
    """Fields as options of the command line's ``submit``."""
    words = []
    for name, value in fields.items():
        words += [f"--{name}", *(value if isinstance(value, list) else [str(value)])]
    return words


@pytest.mark.slow
def test_the_command_line_takes_a_job_in_network_from_copy_to_delete(fslink: LiveServer) -> None:
    """Each ``submit`` is multipart with a stray ``data_file``, and leaves out the limits that it was not given."""
    jid = new_jid()
    where = innetwork_fields(fslink.storebase, jid)
    script = fslink.storebase / where["input_dirs"][0] / "plugin.sh"  # it takes no word that begins with a dash
    script.write_text('cp "$1/a.txt" "$2"')
    token = command_line(fslink.url, "auth", "--pfcon_user", USER, "--pfcon_password", PASSWORD).split()[-1]
    steps = {
        "copy": where,
        "plugin": {**OPTIONS, **where, "entrypoint": ["sh", "/share/incoming/plugin.sh"]},
        "upload": {"job_output_path": where["output_dir"]},
        "delete": {},
    }
    for kind, fields in steps.items():
        words = ("--auth_token", token, "submit", "--job_type", kind, "--jid", jid, *submit_words(fields))
        assert jid in command_line(fslink.url, *words)
        if kind != "upload":
            await_final(fslink.url, token, kind, jid)
    assert read(fslink.storebase / where["output_dir"]) == {"a.txt": "alpha"}
    for kind in steps:
        words = ("--auth_token", token, "delete", "--job_type", kind, "--jid", jid)
        assert f"Deleted job {jid}" in command_line(fslink.url, *words)


def await_final(url: str, token: str, kind: str, jid: str) -> None:
    """Poll with the command line, which waits two seconds before it asks first."""
    told = command_line(url, "--auth_token", token, "poll", "--job_type", kind, "--jid", jid)
    assert told.splitlines()[-1] == f"Job {jid} status: {DONE}", told
