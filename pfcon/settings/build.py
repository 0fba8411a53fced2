"""Values that have passed the rules, as Settings. Pure."""

from pathlib import Path
from typing import TypeVar

from pfcon.settings import derived
from pfcon.settings.model import (
    AuthSettings,
    ComputeSettings,
    DockerSettings,
    KubernetesSettings,
    Mode,
    S3Settings,
    ServerSettings,
    Settings,
    SlurmSettings,
    StorageName,
    StorageSettings,
    SwiftAuth,
    SwiftSettings,
    UploadLimits,
)
from pfcon.settings.variable import Values
from pfcon.settings.variables import compute, service, slurm, storage

T = TypeVar("T")
DEFAULT_DOMAIN = "Default"  # the one that Keystone's bootstrap makes


def settings(values: Values) -> Settings:
    """Put the values into place. Raises KeyError or ValueError for values that the rules refuse."""
    return Settings(
        mode=derived.mode(values),
        auth=AuthSettings(
            user=values[service.PFCON_USER],
            password=values[service.PFCON_PASSWORD],
            secret_key=values[service.SECRET_KEY],
            previous_key=values.get(service.SECRET_KEY_PREVIOUS),
        ),
        server=_server(values),
        storage=_storage(values),
        compute=_compute(values),
        delete_active=values[service.PFCON_DELETE_ACTIVE].value,
        database_url=values.get(service.PFCON_DATABASE_URL),
    )


def _server(values: Values) -> ServerSettings:
    host, port = values[service.PFCON_BIND]
    return ServerSettings(
        host=host,
        port=port,
        workers=values[service.PFCON_WORKERS],
        threads=values[service.PFCON_THREADS],
        graceful_timeout=values[service.PFCON_GRACEFUL_TIMEOUT],
        header_timeout=values[service.PFCON_HEADER_TIMEOUT],
        idle_timeout=values[service.PFCON_IDLE_TIMEOUT],
    )


def _storage(values: Values) -> StorageSettings:
    name = _known(derived.storage_name(values))
    return StorageSettings(
        name=name,
        innetwork=values[storage.PFCON_INNETWORK],
        storebase_mount=Path(values[storage.STOREBASE_MOUNT]),
        limits=UploadLimits(
            upload_bytes=values[storage.PFCON_MAX_UPLOAD_BYTES],
            unpacked_bytes=values[storage.PFCON_MAX_UNPACKED_BYTES],
            files=values[storage.PFCON_MAX_FILES],
            ratio=values[storage.PFCON_MAX_RATIO],
            free_bytes=values[storage.PFCON_MIN_FREE_BYTES],
            form_bytes=values[storage.PFCON_MAX_FORM_BYTES],
        ),
        swift=swift(values) if name is StorageName.SWIFT else None,
        s3=s3(values) if name is StorageName.S3 else None,
        create=derived.mode(values) is Mode.DEVELOPMENT,
        passable=values[storage.PFCON_PASSABLE],
    )


def swift(values: Values) -> SwiftSettings:
    """Swift's part. Raises KeyError for values that the rules refuse."""
    version = values[storage.SWIFT_AUTH_VERSION]
    domain = DEFAULT_DOMAIN if version is SwiftAuth.V3 else None
    return SwiftSettings(
        auth_url=values[storage.SWIFT_AUTH_URL],
        username=values[storage.SWIFT_USERNAME],
        key=values[storage.SWIFT_KEY],
        container=values[storage.SWIFT_CONTAINER_NAME],
        auth_version=version,
        project_name=values.get(storage.SWIFT_PROJECT_NAME),
        project_domain_name=values.get(storage.SWIFT_PROJECT_DOMAIN_NAME) or domain,
        user_domain_name=values.get(storage.SWIFT_USER_DOMAIN_NAME) or domain,
        region_name=values.get(storage.SWIFT_REGION_NAME),
    )


def s3(values: Values) -> S3Settings:
    """S3's part. Raises KeyError for values that the rules refuse."""
    return S3Settings(
        endpoint_url=values[storage.S3_ENDPOINT_URL],
        access_key=values[storage.S3_ACCESS_KEY],
        secret_key=values[storage.S3_SECRET_KEY],
        region=values[storage.S3_REGION_NAME],
        bucket=values[storage.S3_BUCKET_NAME],
    )


def _compute(values: Values) -> ComputeSettings:
    return ComputeSettings(
        engine=values[compute.CONTAINER_ENV],
        volume_type=_known(derived.volume_type(values)),
        storebase=derived.storebase(values),
        volume_name=values.get(compute.VOLUME_NAME),
        selector=values[compute.PFCON_SELECTOR],
        op_image=values.get(compute.PFCON_OP_IMAGE),
        user=values.get(compute.CONTAINER_USER),
        home_workaround=values[compute.ENABLE_HOME_WORKAROUND],
        shm=values.get(compute.SHM_SIZE),
        pids=values[compute.PFCON_PIDS_LIMIT],
        labels=values.get(compute.JOB_LABELS) or (),
        logs_tail=values[compute.JOB_LOGS_TAIL],
        ignore_limits=values[compute.IGNORE_LIMITS],
        remove_jobs=values[compute.REMOVE_JOBS],
        docker=_docker(values),
        kubernetes=KubernetesSettings(
            namespace=values[compute.JOB_NAMESPACE],
            node_selector=values.get(compute.NODE_SELECTOR) or (),
            image_pull_secrets=values.get(compute.IMAGE_PULL_SECRETS) or (),
            kubeconfig=values.get(compute.KUBECONFIG),
        ),
        slurm=_slurm(values),
        timelimit=values.get(compute.TIMELIMIT_MINUTES),
        cromwell_url=values.get(compute.CROMWELL_URL),
        log_bytes=values[compute.PFCON_LOG_BYTES],
    )


def _slurm(values: Values) -> SlurmSettings:
    images = values.get(slurm.SLURM_IMAGES)
    return SlurmSettings(
        partition=values.get(slurm.SLURM_PARTITION),
        account=values.get(slurm.SLURM_ACCOUNT),
        qos=values.get(slurm.SLURM_QOS),
        constraint=values.get(slurm.SLURM_CONSTRAINT),
        gres=values[slurm.SLURM_GPU_GRES],
        options=values.get(slurm.SLURM_OPTIONS) or (),
        launcher=values[slurm.SLURM_LAUNCHER],
        prefix=values.get(slurm.SLURM_PREFIX) or (),
        timeout=values[slurm.SLURM_TIMEOUT],
        images=Path(images) if images else None,
        cache=values[slurm.SLURM_CACHE_BYTES],
    )


def _docker(values: Values) -> DockerSettings:
    cert_path = values.get(compute.DOCKER_CERT_PATH)
    return DockerSettings(
        host=values.get(compute.DOCKER_HOST),
        tls_verify=values.get(compute.DOCKER_TLS_VERIFY) or False,
        cert_path=Path(cert_path) if cert_path else None,
    )


def _known(value: T | None) -> T:
    if value is None:
        raise ValueError("the rules were not checked")
    return value
