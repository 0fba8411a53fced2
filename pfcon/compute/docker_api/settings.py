"""The settings for a connection to a Docker API."""

from dataclasses import dataclass
from pathlib import Path

from pfcon.settings import kinds
from pfcon.settings.section import setting


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
