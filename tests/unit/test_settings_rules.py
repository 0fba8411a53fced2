"""Settings that can't work, alone or together, are refused."""

import itertools
import string

import pytest
from support.settings_faults import DEV, PROD, faults, named

from pfcon.compute.engines import ENGINES
from pfcon.configuration.known import KnownSettings
from pfcon.configuration.table import options
from pfcon.storage.storages import STORAGES

ENGINE_NAMES = [engine.name for engine in ENGINES.built_in]
VOLUME_TYPES = [kind.name for kind in KnownSettings().volume_types]
STORAGE_NAMES = [storage.name for storage in STORAGES.built_in]

NEEDED: dict[str, dict[str, str]] = {
    "docker": {},
    "swarm": {"STOREBASE": "/data"},
    "kubernetes": {"VOLUME_NAME": "pvc"},
    "slurm": {"STOREBASE": "/data", "TIMELIMIT_MINUTES": "60"},
    "htcondor": {"STOREBASE": "/data", "TIMELIMIT_MINUTES": "60"},
    "cromwell": {"STOREBASE": "/data", "TIMELIMIT_MINUTES": "60", "CROMWELL_URL": "http://cromwell:8000"},
    "process": {},
}
URL = "https://cube.example/hook"
OPTIONS = {
    "CONTAINER_USER": "1000:1000",
    "SHM_SIZE": "64",
    "PFCON_PIDS_LIMIT": "100",
    "JOB_LABELS": "a=b",
    "NODE_SELECTOR": "a=b",
    "KUBERNETES_DEADLINE_MINUTES": "20160",
    "KUBERNETES_GPU_RESOURCE": "amd.com/gpu",
    "IMAGE_PULL_SECRETS": "one",
    "DOCKER_HOST": "tcp://docker:2375",
    "DOCKER_TLS_VERIFY": "1",
    "DOCKER_CERT_PATH": "/certs",
    "SLURM_PARTITION": "long,short",
    "SLURM_ACCOUNT": "chris",
    "SLURM_QOS": "normal",
    "SLURM_CONSTRAINT": "[rack1*2&rack2]",
    "SLURM_GPU_GRES": "gpu:a100",
    "SLURM_OPTIONS": "--exclusive",
    "SLURM_LAUNCHER": "apptainer",
    "SLURM_LAUNCHER_COMMAND": "oci run --bundle={bundle} {name}",
    "SLURM_CDI": "/etc/cdi/gpus.json",
    "SLURM_MPI": "pmix_v4",
    "SLURM_PREFIX": "ssh login1",
    "SLURM_TIMEOUT": "10",
    "SLURM_IMAGES": "/images",
    "SLURM_CACHE_BYTES": "1 TiB",
    "PROCESS_GPUS": "0,1,MIG-GPU-1/0/0",
    "HTCONDOR_POOL": "cm.example.org:9618",
    "HTCONDOR_SCHEDD": "submit1.example.org",
    "HTCONDOR_REQUIREMENTS": 'HasBrain && Machine != "old"',
    "HTCONDOR_RANK": "Memory",
    "HTCONDOR_ACCOUNTING_GROUP": "group_chris.brain",
    "HTCONDOR_CONCURRENCY_LIMITS": "licence:2,matlab",
    "HTCONDOR_SUBMIT": "nice_user=true",
    "HTCONDOR_LAUNCHER": "apptainer",
    "HTCONDOR_LAUNCHER_COMMAND": "oci run --bundle={bundle} {name}",
    "HTCONDOR_CDI": "/etc/cdi/gpus.json",
    "HTCONDOR_PREFIX": "ssh submit1",
    "HTCONDOR_TIMEOUT": "10",
    "HTCONDOR_IMAGES": "/images",
    "HTCONDOR_CACHE_BYTES": "1 TiB",
}
SWIFT = {
    "SWIFT_AUTH_URL": "http://swift:8080/auth/v1.0",
    "SWIFT_USERNAME": "chris:chris",
    "SWIFT_KEY": "u7Rt-swift",
    "SWIFT_CONTAINER_NAME": "users",
}
S3 = {
    "S3_ENDPOINT_URL": "https://s3.example.org",
    "S3_ACCESS_KEY": "AKIA77",
    "S3_SECRET_KEY": "u7Rt-s3",
    "S3_REGION_NAME": "eu-central-1",
    "S3_BUCKET_NAME": "users",
}


def engine(name: str) -> dict[str, str]:
    """What an engine needs."""
    return DEV | {"CONTAINER_ENV": name} | NEEDED[name]


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_an_engine_with_what_it_needs_is_accepted(name: str) -> None:
    assert faults(engine(name)) == []


@pytest.mark.parametrize(("name", "needed"), [(name, key) for name in NEEDED for key in NEEDED[name]])
def test_an_engine_without_what_it_needs_is_refused(name: str, needed: str) -> None:
    environ = engine(name)
    del environ[needed]
    [fault] = faults(environ)
    assert fault.startswith(f"{needed}: is not set; ")


def test_docker_with_a_host_directory_needs_its_path() -> None:
    assert named(DEV | {"COMPUTE_VOLUME_TYPE": "host"}) == ["STOREBASE"]
    assert faults(DEV | {"COMPUTE_VOLUME_TYPE": "host", "STOREBASE": "/data"}) == []


@pytest.mark.parametrize(("name", "kind"), list(itertools.product(ENGINE_NAMES, VOLUME_TYPES)))
def test_an_engine_takes_its_own_volume_types_and_no_others(name: str, kind: str) -> None:
    allowed = {
        "docker": {"docker_local_volume", "host"},
        "swarm": {"docker_local_volume", "host"},
        "kubernetes": {"kubernetes_pvc", "host"},
    }.get(name, {"host"})
    found = named(engine(name) | {"STOREBASE": "/data", "COMPUTE_VOLUME_TYPE": kind})
    assert found == ([] if kind in allowed else ["COMPUTE_VOLUME_TYPE"])


def test_a_refused_volume_type_hides_no_missing_name() -> None:
    assert named(DEV | {"CONTAINER_ENV": "kubernetes", "COMPUTE_VOLUME_TYPE": "docker_local_volume"}) == [
        "COMPUTE_VOLUME_TYPE",
        "VOLUME_NAME",
    ]


def test_a_refused_volume_type_is_told_with_those_of_the_engine() -> None:
    [fault] = faults(DEV | {"COMPUTE_VOLUME_TYPE": "kubernetes_pvc"})
    assert "CONTAINER_ENV=docker" in fault
    assert fault.endswith("with docker, docker_local_volume or host")


@pytest.mark.parametrize(("name", "innetwork"), list(itertools.product(STORAGE_NAMES, ["true", "false"])))
def test_zipfile_is_out_of_network_and_all_others_are_in_network(name: str, innetwork: str) -> None:
    fits = (name == "zipfile") == (innetwork == "false")
    assert named(DEV | {"STORAGE_ENV": name, "PFCON_INNETWORK": innetwork}) == ([] if fits else ["STORAGE_ENV"])


@pytest.mark.parametrize(("name", "settings"), [("swift", SWIFT), ("s3", S3)])
def test_production_needs_every_setting_of_its_object_store(name: str, settings: dict[str, str]) -> None:
    environ = PROD | {"PFCON_INNETWORK": "true", "STORAGE_ENV": name}
    assert faults(environ | settings) == []
    assert named(environ) == list(settings)


KEYSTONE = {"SWIFT_PROJECT_NAME": "chris", "SWIFT_REGION_NAME": "boston"}
DOMAINS = {"SWIFT_PROJECT_DOMAIN_NAME": "hospital", "SWIFT_USER_DOMAIN_NAME": "staff"}


@pytest.mark.parametrize(
    ("version", "given", "refused"),
    [
        ("1", {}, []),
        ("1", KEYSTONE | DOMAINS, [*KEYSTONE, *DOMAINS]),
        ("2", KEYSTONE, []),
        ("2", KEYSTONE | DOMAINS, list(DOMAINS)),
        ("3", KEYSTONE | DOMAINS, []),
        ("3", {}, ["SWIFT_PROJECT_NAME"]),
        ("4", KEYSTONE, ["SWIFT_AUTH_VERSION"]),
    ],
)
def test_keystone_takes_a_project_and_version_3_domains(
    version: str, given: dict[str, str], refused: list[str]
) -> None:
    environ = PROD | SWIFT | {"PFCON_INNETWORK": "true", "SWIFT_AUTH_VERSION": version} | given
    assert named(environ) == refused


def test_in_network_production_needs_swift_by_default() -> None:
    assert named(PROD | {"PFCON_INNETWORK": "true"}) == list(SWIFT)


def test_the_options_are_those_of_the_table() -> None:
    assert options().keys() == OPTIONS.keys()


@pytest.mark.parametrize(("option", "name"), list(itertools.product(OPTIONS, ENGINE_NAMES)))
def test_an_option_is_accepted_with_the_engines_that_have_it_and_refused_with_all_others(
    option: str, name: str
) -> None:
    having = options()[option]
    found = faults(engine(name) | {option: OPTIONS[option]})
    if name in having:
        assert found == []
    else:
        [fault] = found
        assert fault.startswith(f"{option}: got ")
        assert f"CONTAINER_ENV={name}" in fault
        assert all(other in fault for other in having)


def test_these_engines_have_these_options() -> None:
    docker, swarm, kubernetes, process, htcondor = "docker", "swarm", "kubernetes", "process", "htcondor"
    slurm, cromwell = "slurm", "cromwell"
    found = {option: set(engines) for option, engines in options().items()}
    assert found["SHM_SIZE"] == {docker, swarm, kubernetes, slurm, htcondor, cromwell, process}
    assert found["JOB_LABELS"] == {docker, swarm, kubernetes, slurm, htcondor, cromwell, process}
    assert found["CONTAINER_USER"] == {docker, swarm, kubernetes, slurm, htcondor, cromwell, process}
    assert found["IMAGE_PULL_SECRETS"] == {kubernetes}
    assert found["NODE_SELECTOR"] == {swarm, kubernetes, slurm, htcondor}
    assert found["DOCKER_HOST"] == {docker, swarm}


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_every_engine_takes_a_time_limit(name: str) -> None:
    assert faults(engine(name) | {"TIMELIMIT_MINUTES": "60"}) == []


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "1000001", "an hour"])
def test_a_time_limit_is_a_whole_number_of_minutes(value: str) -> None:
    [fault] = faults(engine("docker") | {"TIMELIMIT_MINUTES": value})
    assert fault.startswith("TIMELIMIT_MINUTES: ")
    assert "minutes" in fault


def test_production_refuses_the_process_engine_unless_it_is_allowed() -> None:
    environ = PROD | {"CONTAINER_ENV": "process"}
    [fault] = faults(environ)
    assert fault.startswith("CONTAINER_ENV: got 'process', which runs jobs without isolation, as this service's own u")
    assert "PFCON_ALLOW_PROCESS=true" in fault
    assert faults(environ | {"PFCON_ALLOW_PROCESS": "true"}) == []


@pytest.mark.parametrize("mode", [DEV, PROD])
def test_the_url_of_the_webhook_and_its_key_need_each_other(mode: dict[str, str]) -> None:
    both = {"PFCON_WEBHOOK_URL": URL, "PFCON_WEBHOOK_SECRET": "9f86d081884c7d659a2feaa0c55ad015"}
    assert faults(mode | both) == []
    for name, other in itertools.permutations(both):
        [fault] = faults(mode | {name: both[name]})
        assert fault.startswith(f"{other}: is not set; {name} ")
        assert "9f86d" not in fault


@pytest.mark.parametrize("url", ["hook.example", "ftp://hook.example/", "https://user:word@hook.example/", "https://"])
def test_the_webhook_needs_a_url_of_http(url: str) -> None:
    assert "PFCON_WEBHOOK_URL" in named(DEV | {"PFCON_WEBHOOK_URL": url, "PFCON_WEBHOOK_SECRET": "x"})


@pytest.mark.parametrize(
    "label", ["org.chrisproject.job_type=x", "chrisproject.org/job-type=x", "org.chrisproject.pfcon.end=x"]
)
def test_the_labels_that_jobs_are_found_by_are_not_for_sites(label: str) -> None:
    assert named(DEV | {"JOB_LABELS": f"a=b,{label}"}) == ["JOB_LABELS"]


@pytest.mark.parametrize("selector", ["org.chrisproject.role=pfcon", "org.chrisproject.role"])
def test_jobs_do_not_get_the_label_that_the_service_is_found_by(selector: str) -> None:
    labelled = DEV | {"JOB_LABELS": "org.chrisproject.role=pfcon", "PFCON_SELECTOR": selector}
    assert named(labelled) == ["JOB_LABELS"]
    assert faults(labelled | {"PFCON_SELECTOR": "role=other"}) == []


@pytest.mark.parametrize("option", ["JOB_LABELS", "NODE_SELECTOR"])
@pytest.mark.parametrize("label", ["a b=c", "-a=c", "a=two words", "A/b=c", "a=" + "x" * 64, "a/b/c=d"])
def test_kubernetes_refuses_what_is_no_label_there(option: str, label: str) -> None:
    assert set(named(engine("kubernetes") | {option: label})) == {option}


@pytest.mark.parametrize("label", ["a=", "example.org/a_b.c=X-1", f"{string.ascii_letters}=1"])
def test_kubernetes_takes_its_labels(label: str) -> None:
    assert faults(engine("kubernetes") | {"JOB_LABELS": label, "NODE_SELECTOR": label}) == []


def test_docker_takes_labels_that_kubernetes_refuses() -> None:
    assert faults(DEV | {"JOB_LABELS": "a=two words"}) == []


def test_on_kubernetes_a_job_reaches_its_time_limit_before_its_deadline() -> None:
    limited = engine("kubernetes") | {"TIMELIMIT_MINUTES": "10079"}
    assert faults(limited) == []
    [fault] = faults(limited | {"TIMELIMIT_MINUTES": "10080"})
    assert "got '10080', which must be less than KUBERNETES_DEADLINE_MINUTES (10080)" in fault
    assert named(limited | {"KUBERNETES_DEADLINE_MINUTES": "60"}) == ["TIMELIMIT_MINUTES"]
    assert faults(limited | {"KUBERNETES_DEADLINE_MINUTES": "10081"}) == []
    assert faults(engine("docker") | {"TIMELIMIT_MINUTES": "1000000"}) == []


@pytest.mark.parametrize(("selector", "accepted"), [("disk=ssd,site.zone=a", True), ("a/b=c", False), ("disk=", False)])
def test_the_labels_of_a_swarms_nodes_are_those_that_a_constraint_may_have(selector: str, accepted: bool) -> None:
    found = faults(engine("swarm") | {"NODE_SELECTOR": selector})
    assert [fault.partition(":")[0] for fault in found] == ([] if accepted else ["NODE_SELECTOR"])
