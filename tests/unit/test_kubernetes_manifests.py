"""kubernetes/: what kustomize makes of the overlays and components is valid, and pfcon can start with it."""

import base64
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from support.engines import kubectl

from pfcon.configuration import load
from pfcon.storage.storages import STORAGES as ALL_STORAGES

KUBERNETES = Path(__file__).resolve().parents[2] / "kubernetes"
COMPONENTS = sorted(path.parent.name for path in KUBERNETES.glob("components/*/kustomization.yaml"))
STORAGES = {"zipfile", "fslink", "filesystem", "swift", "s3"}
VERSIONS = ("1.25", "1.31", "1.37")
SECRETS = {
    "pfcon": {
        "SECRET_KEY": "0123456789abcdef-fedcba98765-xyz",
        "PFCON_USER": "chris",
        "PFCON_PASSWORD": "a-password-of-the-site",
    },
    "pfcon-swift": {
        "SWIFT_AUTH_URL": "http://swift:8080/auth/v1.0",
        "SWIFT_USERNAME": "chris:chris1234",
        "SWIFT_KEY": "key",
        "SWIFT_CONTAINER_NAME": "users",
    },
    "pfcon-s3": {
        "S3_ENDPOINT_URL": "http://s3:9000",
        "S3_ACCESS_KEY": "access",
        "S3_SECRET_KEY": "secret",
        "S3_REGION_NAME": "us-east-1",
        "S3_BUCKET_NAME": "users",
    },
    "pfcon-postgresql": {"PFCON_DATABASE_URL": "postgresql+psycopg://pfcon:p@pfcon-postgresql/pfcon"},
}

Documents = list[dict[str, Any]]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The directory kubernetes/ as a site has it: with a copy of the production overlay that holds its secrets."""
    copy = Path(shutil.copytree(KUBERNETES, tmp_path / "kubernetes"))
    lines = (f"{key}={value}\n" for key, value in SECRETS["pfcon"].items())
    (copy / "overlays/production/pfcon.env").write_text("".join(lines))
    return copy


def render(directory: Path) -> Documents:
    done = subprocess.run([kubectl(), "kustomize", directory], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not done.stderr  # a warning tells of something that goes away
    return list(yaml.safe_load_all(done.stdout))


def with_components(site: Path, *names: str, tag: str = "1") -> Documents:
    """The production overlay, edited as its comments say."""
    path = site / "overlays/production/kustomization.yaml"
    text = path.read_text()
    if names:
        assert "\n# components:" in text
        lines = "".join(f"  - ../../components/{name}\n" for name in names)
        text = text.replace("\n# components:", f"\ncomponents:\n{lines}#", 1)
    path.write_text(text.replace('newTag: "1"', f'newTag: "{tag}"'))
    return render(path.parent)


def one(documents: Documents, kind: str, name: str = "pfcon") -> dict[str, Any]:
    (found,) = (each for each in documents if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return found


def container(documents: Documents) -> dict[str, Any]:
    (found,) = one(documents, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def environment(documents: Documents) -> dict[str, str]:
    """What the service's process gets, with the secrets above where the manifests only name them."""
    found: dict[str, str] = {}
    for source in container(documents)["envFrom"]:
        if "configMapRef" in source:
            found |= one(documents, "ConfigMap", source["configMapRef"]["name"])["data"]
            continue
        name = source["secretRef"]["name"]
        made = [each for each in documents if each["kind"] == "Secret" and each["metadata"]["name"] == name]
        found |= {k: base64.b64decode(v).decode() for k, v in made[0]["data"].items()} if made else SECRETS[name]
    for variable in container(documents)["env"]:
        source = variable.get("valueFrom", {})
        if "secretKeyRef" in source:
            found[variable["name"]] = SECRETS[source["secretKeyRef"]["name"]][source["secretKeyRef"]["key"]]
        else:
            found[variable["name"]] = variable.get("value", "the-namespace")
    return found


def check(documents: Documents) -> None:
    for document in documents:
        for version in VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("names", [(), *((name,) for name in COMPONENTS)], ids=lambda names: "-".join(names) or "none")
def test_production_is_valid_and_pfcon_starts_with_it(site: Path, names: tuple[str, ...]) -> None:
    documents = with_components(site, *names)
    check(documents)
    settings = load(environment(documents))
    assert settings.production
    assert settings.compute.engine == "kubernetes"
    assert settings.compute.own.namespace == "the-namespace"
    assert settings.compute.volume_name == "pfcon-storebase"
    (storage,) = {*names} & STORAGES or {"zipfile"}
    assert settings.storage.name == storage
    assert settings.storage.innetwork is (storage != "zipfile")
    assert bool(settings.database_url) is ("postgresql" in names)
    assert (settings.compute.user is None) is ("openshift" in names)


def test_every_storage_has_a_component() -> None:
    assert STORAGES - {"zipfile"} <= set(COMPONENTS)
    assert {storage.name for storage in ALL_STORAGES.built_in} == STORAGES


def test_components_go_together(site: Path) -> None:
    documents = with_components(site, "swift", "postgresql", "openshift", "host-path")
    check(documents)
    assert one(documents, "Deployment")["spec"]["replicas"] == 2
    assert one(documents, "PersistentVolumeClaim", "pfcon-storebase")["spec"]["volumeName"] == "pfcon-storebase"


def test_development_is_valid_and_listens_to_the_cluster() -> None:
    documents = render(KUBERNETES / "overlays/development")
    check(documents)
    settings = load(environment(documents))
    assert not settings.production
    assert (settings.server.host, settings.server.port) == ("0.0.0.0", 5005)


def test_operations_run_from_the_image_of_the_service(site: Path) -> None:
    documents = with_components(site, tag="7.3")
    assert container(documents)["image"] == "local/pfcon:7.3"
    assert environment(documents)["PFCON_OP_IMAGE"] == "local/pfcon:7.3"


def test_the_role_allows_what_the_engine_does_and_no_more(site: Path) -> None:
    rules = one(with_components(site), "Role")["rules"]
    allowed = {resource: set(rule["verbs"]) for rule in rules for resource in rule["resources"]}
    looking = {"get", "list", "watch"}
    assert allowed == {
        "jobs": looking | {"create", "patch", "delete"},
        "pods": looking | {"patch"},
        "pods/log": {"get"},
        "events": {"list"},
    }


@pytest.mark.parametrize("names", [(), ("postgresql",), ("openshift",)], ids=lambda names: "-".join(names) or "none")
def test_pods_fulfil_the_restricted_standard(site: Path, names: tuple[str, ...]) -> None:
    """Kubernetes, "Pod Security Standards", Restricted."""
    for document in with_components(site, *names):
        if document["kind"] not in ("Deployment", "StatefulSet"):
            continue
        pod = document["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not any(pod.get(shared) for shared in ("hostNetwork", "hostPID", "hostIPC"))
        for each in pod["containers"]:
            assert each["securityContext"]["allowPrivilegeEscalation"] is False
            assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}
