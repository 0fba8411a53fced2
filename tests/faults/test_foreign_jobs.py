"""What others have made with our names, and jids that end like another kind's name, on real engines."""

import contextlib
from collections.abc import Callable, Iterator

import pytest
from docker.types import ContainerSpec, TaskTemplate
from support.engines import IMAGE, api_client, docker_url, podman_url, swarm_url
from support.live import Api, StartServer, make_zip, new_jid

ZIP = make_zip({"a": "b"})
URLS = {"docker": docker_url, "podman": podman_url, "swarm": swarm_url}
FORGED = {
    "org.chrisproject.job_type": "plugin",
    "org.chrisproject.pfcon.request": f"{'a' * 64}.{'b' * 32}.{'c' * 40}",
    "org.chrisproject.pfcon.service": "0123456789ab",
}


@contextlib.contextmanager
def foreign(engine: str, name: str, labels: dict[str, str]) -> Iterator[Callable[[], bool]]:
    """A container or service of that name; whether it is still there, and is to run."""
    with contextlib.closing(api_client(URLS[engine]())) as client:
        if engine == "swarm":
            task = TaskTemplate(ContainerSpec(IMAGE, ["sleep", "600"]))
            service = client.create_service(task, name=name, labels=labels)["ID"]
            try:
                spec = client.inspect_service(service)["Spec"]
                yield lambda: client.inspect_service(service)["Spec"] == spec
            finally:
                client.remove_service(service)
            return
        container = client.create_container(IMAGE, ["sleep", "600"], name=name, labels=labels)["Id"]
        try:
            client.start(container)
            yield lambda: client.inspect_container(container)["State"]["Running"]
        finally:
            client.remove_container(container, force=True)


@pytest.mark.parametrize("forged", [False, True], ids=["no-label", "forged-label"])
@pytest.mark.parametrize("engine", URLS)
def test_what_is_foreign_is_a_conflict_and_never_touched(engine: str, forged: bool, start_server: StartServer) -> None:
    api, jid = Api(start_server(engine).url), new_jid()
    labels = {**FORGED, "org.chrisproject.pfcon.name": jid} if forged else {}
    with foreign(engine, jid, labels) as is_untouched:
        posted = api.submit(jid, "true", ZIP)
        assert posted.status_code == 409
        asked = api.get(f"jobs/{jid}/")
        if forged:
            for answer in (asked, api.delete(f"jobs/{jid}/"), api.delete(f"pluginjobs/{jid}/")):
                assert answer.status_code == 409
                assert answer.json() == posted.json() == {"message": posted.json()["message"]}
            assert f"another pfcon service (0123456789ab) has a job named {jid}" in posted.json()["message"]
        else:
            assert asked.status_code == api.delete(f"jobs/{jid}/").status_code == 404
            assert api.delete(f"pluginjobs/{jid}/").status_code == 204
        assert api.post("deletejobs/", {"jid": jid}).status_code == 201
        assert api.delete(f"pluginjobs/{jid}/").status_code == 204  # that the jid is this one's own is known by now
        assert is_untouched()
    assert api.submit(jid, "true", ZIP).status_code == 201
    assert api.wait(jid)["status"] == "finishedSuccessfully"
    assert api.delete(f"jobs/{jid}/").status_code == 204


@pytest.mark.parametrize("engine", ["process", "docker", "podman"])
def test_a_plugin_whose_jid_ends_in_copy_is_not_another_job_s_copy(engine: str, start_server: StartServer) -> None:
    if engine in URLS:
        URLS[engine]()
    api, jid = Api(start_server(engine).url), new_jid()
    assert api.submit(f"{jid}-copy", "sleep 600", ZIP).status_code == 201
    assert api.get(f"copyjobs/{jid}/").status_code == 404
    assert api.delete(f"copyjobs/{jid}/").status_code == 204
    assert api.post("deletejobs/", {"jid": jid}).status_code == 201
    assert api.get(f"jobs/{jid}-copy/").json()["compute"]["status"] in ("notStarted", "started")
    assert api.delete(f"jobs/{jid}-copy/").status_code == 204
