"""The settings for a connection to a Docker API."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pfcon.compute.settings import ComputeSettings
from pfcon.settings import kinds
from pfcon.settings.section import setting, variable
from pfcon.settings.variable import Mode, Values


@dataclass(frozen=True)
class DockerSettings:
    """The address of a Docker API; the meaning is that of the Docker client's own variables."""

    host: str | None = setting(
        "DOCKER_HOST",
        kinds.text("unix:///path, tcp://HOST:PORT or ssh://HOST", r"[^\s\x00-\x1f\x7f]+"),
        "Address of the Docker or Podman API, as for any Docker client.",
        note="the usual sockets",
        exclusive=True,
    )
    tls_verify: bool = setting(
        "DOCKER_TLS_VERIFY",
        kinds.present(),
        "Checks the API's certificate, as for any Docker client.",
        unset=False,
        exclusive=True,
    )
    cert_path: Path | None = setting(
        "DOCKER_CERT_PATH",
        kinds.local_path(),
        "Directory with ca.pem, cert.pem and key.pem, as for any Docker client.",
        exclusive=True,
    )


@dataclass(frozen=True)
class LocalVolumeSettings(DockerSettings):
    """The same, and how to find storeBase on the host of that API. selector: a label of this service's container."""

    selector: str = setting(
        "PFCON_SELECTOR",
        kinds.text("LABEL or LABEL=VALUE", r"[^\s=,]+(=[^\s,]*)?"),
        "Label of this service's container, whose mount at `STOREBASE_MOUNT` is storeBase.",
        default="org.chrisproject.role=pfcon",
    )


def no_selector_in_labels(values: Values, _mode: Mode) -> Iterator[str]:
    """Check that jobs do not have the label by which pfcon finds its own container."""
    labels = variable(ComputeSettings, "labels")
    selector = values.get(variable(LocalVolumeSettings, "selector"))
    for key, value in values.get(labels) or ():
        if selector in (key, f"{key}={value}"):
            yield values.fault(labels, f"{selector} is the label with which PFCON_SELECTOR finds this service")
