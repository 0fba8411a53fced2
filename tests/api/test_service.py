"""Health, tokens and errors, as seen by a client of a live production-like server."""

import time

import jwt
import pytest
import requests
from support.live import PASSWORD, USER, Api, LiveServer

from pfcon.testing.waiting import PATIENCE

TOKEN = {"pfcon_user": USER, "pfcon_password": PASSWORD}


def message(answer: requests.Response) -> object:
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json().keys() == {"message"}
    assert "Traceback" not in answer.text
    return answer.json()["message"]


def test_health_needs_no_token(server: LiveServer) -> None:
    answer = requests.get(server.url + "health/", timeout=PATIENCE)
    assert (answer.status_code, answer.json()) == (200, {"health": "OK"})


def test_the_right_credentials_give_a_short_token_that_lives_two_days(server: LiveServer) -> None:
    answer = requests.post(server.url + "auth-token/", json=TOKEN, timeout=PATIENCE)
    assert answer.status_code == 200
    token = answer.json()["token"]
    assert len(token) < 500
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["pfcon_user"] == USER
    assert abs(claims["exp"] - time.time() - 2 * 24 * 3600) < 60


@pytest.mark.parametrize("wrong", [{"pfcon_user": "pfcom"}, {"pfcon_password": "pfcon1235"}, {"pfcon_user": "é"}])
def test_wrong_credentials_are_refused(server: LiveServer, wrong: dict[str, str]) -> None:
    answer = requests.post(server.url + "auth-token/", json={**TOKEN, **wrong}, timeout=PATIENCE)
    assert (answer.status_code, message(answer)) == (400, "Unable to log in with provided credentials.")


def test_missing_credentials_are_named_all_at_once(server: LiveServer) -> None:
    answer = requests.post(server.url + "auth-token/", json={}, timeout=PATIENCE)
    assert answer.status_code == 400
    assert message(answer) == {"pfcon_user": "field is required", "pfcon_password": "field is required"}


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"null"])
def test_credentials_that_are_no_json_object_are_refused(server: LiveServer, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = requests.post(server.url + "auth-token/", data=body, headers=headers, timeout=PATIENCE)
    assert answer.status_code == 400
    assert "JSON object" in str(message(answer))


def test_credentials_as_a_form_are_unsupported(server: LiveServer) -> None:
    answer = requests.post(server.url + "auth-token/", data=TOKEN, timeout=PATIENCE)
    assert answer.status_code == 415
    assert "application/json" in str(message(answer))


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (None, "Missing authorization header."),
        ("Basic abc", "Invalid authorization header."),
        ("Bearer", "Invalid authorization header."),
        ("Bearer a b", "Invalid authorization header."),
        ("Bearer initial_token", "Invalid authorization token."),
        ("Bearer " + jwt.encode({"pfcon_user": USER, "exp": 4e9}, "x" * 32, "HS256"), "Invalid authorization token."),
        ("Bearer " + jwt.encode({"pfcon_user": USER, "exp": 4e9}, None, "none"), "Invalid authorization token."),
    ],
)
@pytest.mark.parametrize("path", ["jobs/", "jobs/x/", "jobs/x/file/"])
def test_a_request_without_a_valid_token_is_unauthorized(
    server: LiveServer, path: str, header: str | None, text: str
) -> None:
    headers = {"Authorization": header} if header else {}
    answer = requests.get(server.url + path, headers=headers, timeout=PATIENCE)
    assert (answer.status_code, message(answer)) == (401, text)


def test_an_upload_without_a_token_is_refused_before_it_is_read(server: LiveServer) -> None:
    answer = requests.post(server.url + "jobs/", files={"data_file": b"x" * 10_000_000}, timeout=PATIENCE)
    assert (answer.status_code, message(answer)) == (401, "Missing authorization header.")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "nothing/", 404), ("POST", "health/", 405), ("PUT", "jobs/", 405), ("GET", "../../x", 404)],
)
def test_what_is_not_there_is_told_as_json(server: LiveServer, api: Api, method: str, path: str, status: int) -> None:
    answer = requests.request(method, server.url + path, headers=api.headers, timeout=PATIENCE)
    assert answer.status_code == status
    assert message(answer)


def test_a_path_without_its_slash_is_redirected_with_its_method(server: LiveServer, api: Api) -> None:
    answer = requests.get(server.url + "jobs", headers=api.headers, timeout=PATIENCE, allow_redirects=False)
    assert answer.status_code == 308
    assert answer.headers["Location"].endswith("/api/v1/jobs/")


def test_server_info_has_what_clients_read(api: Api) -> None:
    info = api.get("jobs/").json()
    assert info["pfcon_innetwork"] is False
    assert info["storage_env"] == "zipfile"
    assert info["container_env"] == "process"
    assert info["compute_volume_type"] == "host"
    assert info["server_version"]
