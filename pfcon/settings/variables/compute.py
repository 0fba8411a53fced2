"""The variables of the compute engines, and of the jobs that run there.

``engines`` of an ``exclusive`` variable is the one table of which engine has which option of jobs.
"""

from pfcon.settings import kinds
from pfcon.settings.model import EngineName, VolumeType
from pfcon.settings.variable import Variable
from pfcon.settings.variables.slurm import SLURM

_DOCKER = (EngineName.DOCKER,)
_DOCKER_API = (EngineName.DOCKER, EngineName.SWARM)
_KUBERNETES = (EngineName.KUBERNETES,)
_CLUSTERS = (EngineName.SLURM, EngineName.CROMWELL)
_OBJECT_NAME = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"  # Kubernetes, "Object Names and IDs": a DNS subdomain

CONTAINER_ENV = Variable(
    "CONTAINER_ENV",
    kinds.choice(EngineName, {"podman": EngineName.DOCKER, "openshift": EngineName.KUBERNETES}),
    "The engine that runs the jobs.",
    default="docker",
)
PFCON_ALLOW_PROCESS = Variable(
    "PFCON_ALLOW_PROCESS",
    kinds.boolean(),
    "Lets a production service use `CONTAINER_ENV=process`, which runs jobs unisolated, as the service's own user.",
    default="false",
    engines=(EngineName.PROCESS,),
)
COMPUTE_VOLUME_TYPE = Variable(
    "COMPUTE_VOLUME_TYPE",
    kinds.choice(VolumeType),
    "How jobs reach storeBase.",
    note="`docker_local_volume` for docker, `kubernetes_pvc` for kubernetes, else `host`",
)
STOREBASE = Variable(
    "STOREBASE",
    kinds.directory(),
    "Where the compute nodes see storeBase; for `COMPUTE_VOLUME_TYPE=host`.",
    note="required for `host`; process: `STOREBASE_MOUNT`",
    engines=(*_DOCKER_API, *_CLUSTERS, EngineName.PROCESS),
)
VOLUME_NAME = Variable(
    "VOLUME_NAME",
    kinds.text("letters, digits, '_', '.' and '-'", r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}"),
    "The volume or PersistentVolumeClaim that is storeBase.",
    note="required for `kubernetes_pvc`; docker: found through `PFCON_SELECTOR`",
    engines=(*_DOCKER, *_KUBERNETES),
)
PFCON_SELECTOR = Variable(
    "PFCON_SELECTOR",
    kinds.text("LABEL or LABEL=VALUE", r"[^\s=,]+(=[^\s,]*)?"),
    "Label of this service's container, whose mount at `STOREBASE_MOUNT` is storeBase.",
    default="org.chrisproject.role=pfcon",
    engines=_DOCKER,
)
PFCON_OP_IMAGE = Variable(
    "PFCON_OP_IMAGE",
    kinds.text("the name of an image", r"[^\s\x00-\x1f\x7f]+"),
    "Image that runs copy, upload and delete jobs on the engine.",
    note="they run beside the service",
)
CONTAINER_USER = Variable(
    "CONTAINER_USER",
    kinds.container_user(),
    "Whom jobs run as; of a range, each job gets a random id. What is empty stays as the image has it.",
    engines=(*_DOCKER_API, *_KUBERNETES, EngineName.PROCESS),
    exclusive=True,
)
ENABLE_HOME_WORKAROUND = Variable("ENABLE_HOME_WORKAROUND", kinds.boolean(), "Gives jobs `HOME=/tmp`.", default="false")
SHM_SIZE = Variable(
    "SHM_SIZE",
    kinds.number(1, 2**24, "MiB"),
    "Size of a job's /dev/shm.",
    note="the engine's",
    engines=(*_DOCKER_API, *_KUBERNETES),
    exclusive=True,
)
PFCON_PIDS_LIMIT = Variable(
    "PFCON_PIDS_LIMIT",
    kinds.number(1, 2**22),
    "Most processes and threads of one job.",
    default="4096",
    engines=(*_DOCKER_API, EngineName.PROCESS),
    exclusive=True,
)
JOB_LABELS = Variable(
    "JOB_LABELS",
    kinds.pairs(),
    "Labels that jobs get on the engine.",
    engines=(*_DOCKER_API, *_KUBERNETES),
    exclusive=True,
)
JOB_LOGS_TAIL = Variable(
    "JOB_LOGS_TAIL", kinds.number(1, 100_000, "lines"), "Last lines of the log in an answer.", default="1000"
)
PFCON_LOG_BYTES = Variable(
    "PFCON_LOG_BYTES",
    kinds.size(low=64 * 1024),
    "Most of a log that pfcon itself keeps (`process`, `slurm`, its operations): the first part and the last.",
    default="64 MiB",
)
IGNORE_LIMITS = Variable("IGNORE_LIMITS", kinds.boolean(), "Jobs get no cpu and memory limits.", default="false")
REMOVE_JOBS = Variable("REMOVE_JOBS", kinds.boolean(), "Whether `DELETE` removes jobs from the engine.", default="true")
TIMELIMIT_MINUTES = Variable(
    "TIMELIMIT_MINUTES",
    kinds.number(1, 10**6, "minutes"),
    "Longest time a job may run.",
    note="required",
    engines=_CLUSTERS,
    exclusive=True,
)
CROMWELL_URL = Variable(
    "CROMWELL_URL", kinds.url(), "The Cromwell server.", note="required", engines=(EngineName.CROMWELL,)
)
JOB_NAMESPACE = Variable(
    "JOB_NAMESPACE",
    kinds.text("lower-case letters, digits and '-'", r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"),
    "Namespace of the Kubernetes Jobs.",
    default="default",
    engines=_KUBERNETES,
)
NODE_SELECTOR = Variable(
    "NODE_SELECTOR", kinds.pairs(), "Labels of the nodes that run jobs.", engines=_KUBERNETES, exclusive=True
)
IMAGE_PULL_SECRETS = Variable(
    "IMAGE_PULL_SECRETS",
    kinds.names("names of secrets, separated by commas", _OBJECT_NAME),
    "Secrets that images are fetched with.",
    engines=_KUBERNETES,
    exclusive=True,
)
KUBECONFIG = Variable(
    "KUBECONFIG",
    kinds.text("a file, or files separated by ':'", r"[^\x00-\x1f\x7f]+"),
    "How to reach Kubernetes, as for kubectl.",
    note="in a pod its service account, else `~/.kube/config`",
    engines=_KUBERNETES,
)
DOCKER_HOST = Variable(
    "DOCKER_HOST",
    kinds.text("unix:///path, tcp://HOST:PORT or ssh://HOST", r"[^\s\x00-\x1f\x7f]+"),
    "Where the Docker or Podman API is, as for any Docker client.",
    note="the usual sockets",
    engines=_DOCKER_API,
    exclusive=True,
)
DOCKER_TLS_VERIFY = Variable(
    "DOCKER_TLS_VERIFY",
    kinds.present(),
    "Checks the API's certificate, as for any Docker client.",
    engines=_DOCKER_API,
    exclusive=True,
)
DOCKER_CERT_PATH = Variable(
    "DOCKER_CERT_PATH",
    kinds.text("a directory"),
    "Holds ca.pem, cert.pem and key.pem, as for any Docker client.",
    engines=_DOCKER_API,
    exclusive=True,
)

COMPUTE = (
    CONTAINER_ENV,
    PFCON_ALLOW_PROCESS,
    COMPUTE_VOLUME_TYPE,
    STOREBASE,
    VOLUME_NAME,
    PFCON_SELECTOR,
    PFCON_OP_IMAGE,
    CONTAINER_USER,
    ENABLE_HOME_WORKAROUND,
    SHM_SIZE,
    PFCON_PIDS_LIMIT,
    JOB_LABELS,
    JOB_LOGS_TAIL,
    PFCON_LOG_BYTES,
    IGNORE_LIMITS,
    REMOVE_JOBS,
    TIMELIMIT_MINUTES,
    CROMWELL_URL,
    JOB_NAMESPACE,
    NODE_SELECTOR,
    IMAGE_PULL_SECRETS,
    KUBECONFIG,
    DOCKER_HOST,
    DOCKER_TLS_VERIFY,
    DOCKER_CERT_PATH,
    *SLURM,
)
