"""pfcon as a Deployment of the production overlay, with no more rights than the Role in the manifests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pfconclient import client as client3
from support.client4 import Client4
from support.client_lives import fslink_life_of_client_4, zip_life_of_client_3, zip_life_of_client_4
from support.deployment import Deployment
from support.live import JOB_FIELDS, USER, Api, make_zip, new_jid

from pfcon.testing.waiting import eventually

ALLOWED = [
    *(("jobs.batch", verb) for verb in ("create", "get", "list", "watch", "patch", "delete")),
    *(("pods", verb) for verb in ("get", "list", "watch", "patch")),
    ("pods/log", "get"),
    ("events", "list"),
]
REFUSED = [
    *(("jobs.batch", verb) for verb in ("update", "deletecollection")),
    *(("pods", verb) for verb in ("create", "delete")),
    *(("pods/exec", "create"), ("secrets", "get"), ("secrets", "create"), ("configmaps", "get")),
    *(("serviceaccounts/token", "create"), ("deployments.apps", "patch"), ("roles.rbac.authorization.k8s.io", "patch")),
    *(("persistentvolumes", "get"), ("nodes", "list"), ("namespaces", "list")),
]
UNTIL_TERMINATED = 'trap "exit 1" TERM; echo begun; while :; do sleep 0.1; done'

pytestmark = [pytest.mark.engine("kubernetes"), pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def taking_zips() -> Iterator[Deployment]:
    """A pfcon that takes zips."""
    with Deployment() as deployment:
        yield deployment


@pytest.fixture(scope="module")
def with_fslink() -> Iterator[Deployment]:
    """A pfcon whose storeBase is that of the users, too."""
    with Deployment("fslink") as deployment:
        yield deployment


def token(deployment: Deployment) -> str:
    """Of the user whom the site's secret names."""
    return str(client3.Client.get_auth_token(deployment.url + "auth-token/", USER, deployment.password))


def test_client_3_runs_a_job(taking_zips: Deployment, tmp_path: Path) -> None:
    zip_life_of_client_3(client3.Client(taking_zips.url, token(taking_zips)), tmp_path)


def test_client_4_runs_a_job_out_of_network(taking_zips: Deployment, tmp_path: Path) -> None:
    with Client4(taking_zips.url, token(taking_zips)) as client:
        zip_life_of_client_4(client, taking_zips.storebase, tmp_path)


def test_client_4_runs_a_job_in_network_whose_operations_are_jobs_too(with_fslink: Deployment) -> None:
    with Client4(with_fslink.url, token(with_fslink)) as client:
        fslink_life_of_client_4(client, with_fslink.storebase)


def test_a_cancelled_job_ends_and_keeps_its_log(taking_zips: Deployment) -> None:
    api, jid = Api(taking_zips.url, taking_zips.password), new_jid()
    fields = {**JOB_FIELDS, "args": [UNTIL_TERMINATED], "jid": jid}
    assert api.post("pluginjobs/", fields, make_zip({"a.txt": "alpha"})).status_code == 201

    def compute(kind: str = "plugin") -> dict[str, str]:
        found: dict[str, str] = api.get(f"{kind}jobs/{jid}/").json()["compute"]
        return found

    assert eventually(lambda: compute()["logs"] == "begun\n"), compute()
    assert api.post("deletejobs/", {"jid": jid}).status_code == 201
    assert eventually(lambda: compute()["status"] == "finishedWithError"), compute()
    assert compute()["logs"] == "begun\npfcon: cancelled\n"
    assert eventually(lambda: compute("delete")["status"] == "finishedSuccessfully"), compute("delete")
    assert not (taking_zips.storebase / f"key-{jid}").exists()
    for kind in ("plugin", "delete"):
        assert api.delete(f"{kind}jobs/{jid}/").status_code == 204


def test_the_account_may_do_what_the_role_says_and_nothing_else(taking_zips: Deployment) -> None:
    assert [each for each in ALLOWED if not taking_zips.may(each[1], each[0])] == []
    assert [each for each in REFUSED if taking_zips.may(each[1], each[0])] == []
    assert [each for each in ALLOWED if taking_zips.may(each[1], each[0], "default")] == []
