"""What the released clients send, and what they get, is in the OpenAPI document: through a relay that checks both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pfconclient import client as pfconclient
from support.client4 import Client4
from support.client_lives import fslink_life_of_client_4, zip_life_of_client_3, zip_life_of_client_4
from support.live import PASSWORD, USER, LiveServer
from support.recorded import checked_traffic
from support.serving import serve

METHODS = {"GET", "POST", "DELETE"}


@pytest.fixture(scope="module")
def zips() -> Iterator[LiveServer]:
    """A service on the process engine that takes zips."""
    with serve("process", "zipfile") as live:
        yield live


def test_the_life_of_a_job_of_client_3(zips: LiveServer, tmp_path: Path) -> None:
    with checked_traffic(zips.port) as (url, traffic):
        token = pfconclient.Client.get_auth_token(url + "auth-token/", USER, PASSWORD)
        zip_life_of_client_3(pfconclient.Client(url, token), tmp_path)
    assert {method for method, _, _ in traffic.seen} == METHODS


def test_the_life_of_a_job_of_client_4(zips: LiveServer, tmp_path: Path) -> None:
    with checked_traffic(zips.port) as (url, traffic), Client4(url) as client:
        zip_life_of_client_4(client, zips.storebase, tmp_path)
    assert {method for method, _, _ in traffic.seen} == METHODS


def test_the_life_of_a_job_of_client_4_in_network() -> None:
    with serve("process", "fslink") as live, checked_traffic(live.port) as (url, traffic), Client4(url) as client:
        fslink_life_of_client_4(client, live.storebase)
    assert {method for method, _, _ in traffic.seen} == METHODS
