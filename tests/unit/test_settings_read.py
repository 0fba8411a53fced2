"""What becomes of settings, and how faults are told."""

import logging
from pathlib import Path, PurePosixPath

import pytest
from support.settings_faults import DEV, PROD

from pfcon.archive.limits import UploadLimits
from pfcon.compute.docker.description import DockerEngineSettings
from pfcon.compute.kubernetes.description import KubernetesSettings
from pfcon.compute.settings import ComputeSettings, ContainerUser, IdRange
from pfcon.configuration import Settings, load
from pfcon.configuration.known import KnownSettings
from pfcon.configuration.model import DeleteActive
from pfcon.errors import ConfigurationError
from pfcon.settings.jobs import ActiveLimits, RetentionSettings
from pfcon.settings.log import LogForm, LogLevel, LogSettings
from pfcon.settings.service import (
    DEVELOPMENT_SECRET_KEY,
    AuthSettings,
    MetricsSettings,
    ServerSettings,
    WebhookSettings,
)
from pfcon.settings.variable import Mode
from pfcon.storage.objects.s3.description import S3Settings
from pfcon.storage.objects.swift.description import SwiftSettings
from pfcon.storage.settings import StorageSettings

ALL = KnownSettings().variables


def faults(environ: dict[str, str]) -> list[str]:
    """What ``load`` has against the settings."""
    with pytest.raises(ConfigurationError) as caught:
        load(environ)
    assert all(line in str(caught.value) for line in caught.value.faults)
    return caught.value.faults


def test_the_default_development_settings_are_these() -> None:
    assert load(DEV) == Settings(
        mode=Mode.DEVELOPMENT,
        auth=AuthSettings(user="pfcon", password="pfcon1234", secret_key=DEVELOPMENT_SECRET_KEY),
        server=ServerSettings(
            address=("127.0.0.1", 5005),
            workers=2,
            threads=64,
            graceful_timeout=30,
            header_timeout=20,
            idle_timeout=300,
        ),
        webhook=WebhookSettings(url=None, secret=None),
        active=ActiveLimits(jobs=0, jobs_of_owner=0),
        retention=RetentionSettings(days=0, orphans_days=0),
        metrics=MetricsSettings(),
        log=LogSettings(form=LogForm.TEXT, level=LogLevel.DEBUG, audit=None),
        storage=StorageSettings(
            name="zipfile",
            innetwork=False,
            storebase_mount=Path("/var/local/storeBase"),
            limits=UploadLimits(
                upload_bytes=274_877_906_944,
                unpacked_bytes=1_099_511_627_776,
                files=2_000_000,
                ratio=250,
                free_bytes=268_435_456,
                form_bytes=4_194_304,
            ),
            create=True,
        ),
        compute=ComputeSettings(
            engine="docker",
            volume_type="docker_local_volume",
            storebase=None,
            volume_name=None,
            op_image=None,
            user=None,
            home_workaround=False,
            shm=None,
            pids=4096,
            labels=(),
            logs_tail=1000,
            ignore_limits=False,
            remove_jobs=True,
            timelimit=None,
            own=DockerEngineSettings(
                host=None, tls_verify=False, cert_path=None, selector="org.chrisproject.role=pfcon"
            ),
        ),
        delete_active=DeleteActive.CANCEL,
        database_url=None,
    )


def test_in_network_development_defaults_to_the_swift_of_the_test_deployment() -> None:
    found = load(DEV | {"PFCON_INNETWORK": "true"}).storage
    assert found.name == "swift"
    assert found.own == SwiftSettings(
        auth_url="http://swift_service:8080/auth/v1.0",
        username="chris:chris1234",
        key="testing",
        container="users",
    )


def test_development_s3_defaults_to_the_minio_of_the_test_deployment() -> None:
    found = load(DEV | {"PFCON_INNETWORK": "true", "STORAGE_ENV": "s3"}).storage
    assert found.own == S3Settings(
        endpoint_url="http://s3-service:9000",
        access_key="minioadmin",
        secret_key="minioadmin",
        region="us-east-1",
        bucket="users",
    )


def test_production_listens_on_all_addresses() -> None:
    found = load(PROD)
    assert found.production
    assert (found.server.host, found.server.port) == ("0.0.0.0", 5005)


def test_every_option_of_jobs_arrives_typed() -> None:
    found = load(
        PROD
        | {
            "CONTAINER_ENV": "openshift",
            "VOLUME_NAME": "storebase-pvc",
            "CONTAINER_USER": "1000-2000:300",
            "SHM_SIZE": "64",
            "JOB_LABELS": "org.chrisproject.miniChRIS=plugininstance,site=",
            "NODE_SELECTOR": "gpu=yes",
            "IMAGE_PULL_SECRETS": "one, two",
            "JOB_NAMESPACE": "chris",
            "REMOVE_JOBS": "no",
            "IGNORE_LIMITS": "On",
            "ENABLE_HOME_WORKAROUND": "1",
            "JOB_LOGS_TAIL": "20",
            "PFCON_OP_IMAGE": "local/pfcon",
            "PFCON_DELETE_ACTIVE": "refuse",
        }
    )
    compute = found.compute
    assert (compute.engine, compute.volume_type) == ("kubernetes", "kubernetes_pvc")
    assert compute.user == ContainerUser(IdRange(1000, 2000), IdRange(300, 300))
    assert compute.labels == (("org.chrisproject.miniChRIS", "plugininstance"), ("site", ""))
    assert compute.own == KubernetesSettings("chris", (("gpu", "yes"),), ("one", "two"))
    assert (compute.shm, compute.logs_tail, compute.op_image) == (64, 20, "local/pfcon")
    assert (compute.remove_jobs, compute.ignore_limits, compute.home_workaround) == (False, True, True)
    assert found.delete_active == "refuse"


def test_podman_is_docker() -> None:
    found = load(DEV | {"CONTAINER_ENV": "podman", "DOCKER_HOST": "unix:///run/podman.sock", "DOCKER_TLS_VERIFY": "0"})
    assert found.compute.engine == "docker"
    assert found.compute.own == DockerEngineSettings("unix:///run/podman.sock", tls_verify=True, cert_path=None)


def test_the_process_engine_sees_storebase_where_the_service_does() -> None:
    found = load(DEV | {"CONTAINER_ENV": "process", "STOREBASE_MOUNT": "/srv/data"})
    assert found.compute.storebase == PurePosixPath("/srv/data")
    assert found.compute.volume_type == "host"


def test_blank_values_count_as_unset() -> None:
    blank = {variable.name: " " for variable in ALL} | {"SECRET_KEY_FILE": "", "PFCON_WORKRES": ""}
    assert load(blank | DEV) == load(DEV)


def test_blanks_around_a_value_are_dropped_but_those_of_a_secret_kept() -> None:
    found = load(DEV | {"PFCON_USER": " cube ", "PFCON_PASSWORD": " a b "})
    assert (found.auth.user, found.auth.password) == ("cube", " a b ")


def test_secrets_show_in_no_repr() -> None:
    hidden = {
        "SECRET_KEY": "hush-1-mT3vX9qLr7Wz1KfB5nHs8YdJ2cGp4RaE",
        "PFCON_PASSWORD": "hush-2-Whale",
        "PFCON_DATABASE_URL": "postgresql://u:hush-3@db/pfcon",
        "SWIFT_KEY": "hush-4",
        "S3_ACCESS_KEY": "hush-5",
        "S3_SECRET_KEY": "hush-6",
    }
    for name in ("swift", "s3"):
        found = load(DEV | hidden | {"PFCON_INNETWORK": "true", "STORAGE_ENV": name})
        assert "hush" not in repr(found)
        assert "hush" not in str(found)


def test_secrets_show_in_no_fault() -> None:
    environ = {
        "SECRET_KEY": "hush-1\nx",
        "PFCON_PASSWORD": "hush-2",
        "PFCON_DATABASE_URL": "mysql://u:hush-3@db/pfcon",
        "SWIFT_KEY": "hush-4\x00",
        "S3_ACCESS_KEY": "hush-5\n",
        "S3_SECRET_KEY": "hush-6\n",
        "SWIFT_AUTH_URL": "http://swift:8080",
        "PFCON_PASSWROD": "hush-7",
    }
    lines = faults(environ)
    assert not [line for line in lines if "hush" in line]
    assert any(line.startswith("PFCON_DATABASE_URL: got a value of 25 characters; it accepts") for line in lines)
    assert {line.partition(":")[0] for line in lines} == (environ.keys() - {"SWIFT_AUTH_URL"}) | {"PFCON_USER"}


def test_a_long_value_is_shortened_and_control_characters_are_escaped() -> None:
    [fault] = faults(DEV | {"STOREBASE_MOUNT": "x\x1b[31m" + "y" * 500})
    assert "\x1b" not in fault
    assert len(fault) < 200


def test_several_faults_are_told_together() -> None:
    lines = faults(
        {
            "APPLICATION_MODE": "prod",
            "CONTAINER_ENV": "slurm",
            "PFCON_PIDS_LIMIT": "many",
            "STOREBASE": "data",
            "PFCON_BIND": "5005",
            "STORAGE_ENV": "s3",
            "PFCON_WORKRES": "4",
        }
    )
    named = [line.partition(":")[0] for line in lines]
    assert sorted(set(named)) == [
        *("APPLICATION_MODE", "PFCON_BIND", "PFCON_PASSWORD", "PFCON_PIDS_LIMIT", "PFCON_USER", "PFCON_WORKRES"),
        *("S3_ACCESS_KEY", "S3_BUCKET_NAME", "S3_ENDPOINT_URL", "S3_REGION_NAME", "S3_SECRET_KEY"),
        *("SECRET_KEY", "STORAGE_ENV", "STOREBASE", "TIMELIMIT_MINUTES"),
    ]
    assert named.count("PFCON_PIDS_LIMIT") == 2  # it is no number, and slurm has no such option


def test_a_fault_says_what_was_got_and_what_is_accepted() -> None:
    assert faults(DEV | {"PFCON_THREADS": "4"}) == ["PFCON_THREADS: got '4'; it accepts a whole number from 8 to 4096"]


def test_an_unreadable_value_draws_no_fault_from_what_depends_on_it() -> None:
    assert len(faults(DEV | {"CONTAINER_ENV": "dokcer", "SHM_SIZE": "64", "NODE_SELECTOR": "a=b"})) == 1
    assert len(faults(DEV | {"PFCON_INNETWORK": "perhaps"})) == 1
    assert len(faults(DEV | {"PFCON_INNETWORK": "perhaps", "STORAGE_ENV": "s3"})) == 1
    assert len(faults(DEV | {"CONTAINER_ENV": "swarm", "STOREBASE": "relative"})) == 1


def test_a_well_known_key_of_the_storage_is_warned_of_without_being_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    environ = PROD | {
        "PFCON_INNETWORK": "true",
        "SWIFT_AUTH_URL": "http://swift:8080/auth/v1.0",
        "SWIFT_USERNAME": "chris:chris",
        "SWIFT_KEY": "testing",
        "SWIFT_CONTAINER_NAME": "users",
    }
    with caplog.at_level(logging.WARNING):
        load(environ)
    assert "SWIFT_KEY is a well-known value" in caplog.text
    assert "testing" not in caplog.text
