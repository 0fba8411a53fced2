"""Engines and storages of other packages: found by name, loaded when they are chosen, with settings of their own."""

import sys
from pathlib import Path

import pytest
from support.offers import install

from pfcon.compute.engines import ENGINES, make_engine
from pfcon.configuration import load
from pfcon.configuration.table import markdown
from pfcon.errors import ConfigurationError
from pfcon.paths import StoreBase
from pfcon.storage.storages import make_storage

DEV = {"APPLICATION_MODE": "development"}
ENGINE = """
from dataclasses import dataclass
from pfcon.compute.description import EngineDescription
from pfcon.compute.process.engine import ProcessEngine
from pfcon.compute.settings import JobOption, VolumeType
from pfcon.settings import kinds, setting

@dataclass(frozen=True)
class NomadSettings:
    address: str = setting("NOMAD_ADDR", kinds.url(), "The server.", required=True)
    retries: int = setting("PFCON_NOMAD_RETRIES", kinds.number(0, 9), "Tries.", default="3", exclusive=True)

def rules(values, mode):
    yield from ["NOMAD_ADDR: too far away"] if "far" in values.texts.get("NOMAD_ADDR", "") else []

def make(context):
    engine = ProcessEngine(context.storebase)
    engine.name = f"nomad at {context.own.address}, {context.own.retries} tries"
    return engine

DESCRIBED = EngineDescription(
    name="nomad", title="a Nomad cluster", make=make, settings=NomadSettings,
    volume_types=(VolumeType("nomad_volume", "VOLUME_NAME", required=True),),
    options=frozenset({JobOption.SHM}), rules=rules,
)
"""
STORAGE = """
from pfcon.storage.description import StorageDescription
from pfcon.storage.fslink import FslinkStorage

def make(context):
    storage = FslinkStorage(context.storebase, context.storage.limits)
    storage.name = "irods"
    return storage

DESCRIBED = StorageDescription("irods", "an iRODS zone", make)
"""
CHOSEN = {**DEV, "CONTAINER_ENV": "Nomad", "NOMAD_ADDR": "http://nomad:4646", "VOLUME_NAME": "data"}


def faults(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(environ)
    return caught.value.faults


@pytest.fixture
def nomad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, tmp_path, ENGINES.group, "nomad", ENGINE)


@pytest.mark.usefixtures("nomad")
def test_an_engine_of_another_package_is_made_with_its_own_settings(storebase: StoreBase) -> None:
    settings = load({**CHOSEN, "PFCON_NOMAD_RETRIES": "5", "SHM_SIZE": "64"})
    assert (settings.compute.engine, settings.compute.volume_type) == ("nomad", "nomad_volume")
    assert make_engine(settings.compute, storebase).name == "nomad at http://nomad:4646, 5 tries"


@pytest.mark.usefixtures("nomad")
@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"NOMAD_ADDR": ""}, "NOMAD_ADDR: is not set; CONTAINER_ENV=nomad needs it"),
        ({"NOMAD_ADDR": "http://far"}, "NOMAD_ADDR: too far away"),
        ({"VOLUME_NAME": ""}, "VOLUME_NAME: is not set; COMPUTE_VOLUME_TYPE=nomad_volume needs it"),
        ({"PFCON_NOMAD_RETRIES": "10"}, "PFCON_NOMAD_RETRIES: got '10'; it accepts a whole number from 0 to 9"),
        ({"PFCON_NOMAD_RETRY": "5"}, "PFCON_NOMAD_RETRY: is not a setting; did you mean PFCON_NOMAD_RETRIES?"),
        ({"JOB_LABELS": "a=b"}, "JOB_LABELS: got 'a=b', but CONTAINER_ENV=nomad has no such option"),
        ({"SLURM_QOS": "fast"}, "SLURM_QOS: got 'fast', but CONTAINER_ENV=nomad has no such option"),
        (
            {"COMPUTE_VOLUME_TYPE": "host"},
            "COMPUTE_VOLUME_TYPE: got 'host', which CONTAINER_ENV=nomad does not have",
        ),
    ],
)
def test_its_settings_are_checked_like_pfcons_own(changes: dict[str, str], fault: str) -> None:
    [found] = faults(CHOSEN | changes)
    assert found.startswith(fault)


@pytest.mark.usefixtures("nomad")
def test_an_engine_that_is_offered_is_among_those_that_are_accepted_but_not_in_the_documentation() -> None:
    [fault] = faults({**DEV, "CONTAINER_ENV": "nomat"})
    assert "cromwell, process or nomad (podman means docker" in fault
    assert "nomad" not in markdown()


@pytest.mark.usefixtures("nomad")
def test_a_package_is_not_loaded_for_others_and_its_settings_are_not_theirs() -> None:
    assert load({**DEV, "NOMAD_ADDR": "no URL"}).compute.engine == "docker"
    assert "nomad_package.described" not in sys.modules


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module", "can't be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        ("OTHER = 1", "can't be loaded: AttributeError: "),
        ("1 / 0", "can't be loaded: ZeroDivisionError: division by zero"),
        ("DESCRIBED = lambda settings, storebase: None", "is not of type EngineDescription"),
        (ENGINE.replace('name="nomad"', 'name="other"'), "has the name 'other'"),
    ],
)
def test_a_broken_package_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str, reason: str
) -> None:
    install(monkeypatch, tmp_path, ENGINES.group, "broken", source)
    [fault] = faults({**DEV, "CONTAINER_ENV": "broken"})
    assert fault.startswith("CONTAINER_ENV: got 'broken'; the entry point of the package broken_package ")
    assert reason in fault


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_no_package_takes_the_name_of_one_of_pfcons_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    install(monkeypatch, tmp_path, ENGINES.group, name, "1 / 0")
    assert load({**DEV, "CONTAINER_ENV": name}).compute.engine == "docker"


def test_a_storage_of_another_package_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, storebase: StoreBase
) -> None:
    install(monkeypatch, tmp_path, "pfcon.storage", "irods", STORAGE)
    settings = load({**DEV, "PFCON_INNETWORK": "true", "STORAGE_ENV": "irods"})
    assert make_storage(settings.storage, storebase).name == "irods"
    [fault] = faults({**DEV, "STORAGE_ENV": "irods"})
    assert fault.endswith("with PFCON_INNETWORK=false, zipfile")
