"""The variables of the slurm engine. Slurm's own ones (SLURM_CONF) are for its tools, and go to them alone."""

from pfcon.settings import kinds
from pfcon.settings.model import EngineName, LauncherName
from pfcon.settings.variable import Variable

_SLURM = (EngineName.SLURM,)
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.@+-]*"
_SBATCH = "as `sbatch` has it"

SLURM_PARTITION = Variable(
    "SLURM_PARTITION",
    kinds.text("a name, or several separated by commas", rf"{_NAME}(,{_NAME})*"),
    f"Partition of the jobs, {_SBATCH}.",
    note="the cluster's",
    engines=_SLURM,
    exclusive=True,
)
SLURM_ACCOUNT = Variable(
    "SLURM_ACCOUNT",
    kinds.text("a name", _NAME),
    f"Account that jobs are charged to, {_SBATCH}.",
    note="the user's",
    engines=_SLURM,
    exclusive=True,
)
SLURM_QOS = Variable(
    "SLURM_QOS",
    kinds.text("a name", _NAME),
    f"Quality of service of the jobs, {_SBATCH}.",
    note="the user's",
    engines=_SLURM,
    exclusive=True,
)
SLURM_CONSTRAINT = Variable(
    "SLURM_CONSTRAINT",
    kinds.text("features of nodes, as sbatch joins them (a&b, 2*a)", r"[A-Za-z0-9_.&|*()\[\]:,+-]+"),
    f"Features that jobs' nodes must have, {_SBATCH}.",
    engines=_SLURM,
    exclusive=True,
)
SLURM_GPU_GRES = Variable(
    "SLURM_GPU_GRES",
    kinds.text("NAME or NAME:TYPE", rf"{_NAME}(:{_NAME})?"),
    "The generic resource (GRES) that a GPU is.",
    default="gpu",
    engines=_SLURM,
    exclusive=True,
)
SLURM_OPTIONS = Variable(
    "SLURM_OPTIONS",
    kinds.sbatch_options(),
    "Further options for `sbatch`.",
    engines=_SLURM,
    exclusive=True,
)
SLURM_LAUNCHER = Variable(
    "SLURM_LAUNCHER",
    kinds.choice(LauncherName),
    "What runs a job's container on its node; `container` is Slurm's own way, with the nodes' oci.conf.",
    default="crun",
    engines=_SLURM,
    exclusive=True,
)
SLURM_PREFIX = Variable(
    "SLURM_PREFIX",
    kinds.words("words as a shell has them"),
    "What comes before each of Slurm's commands, e.g. `ssh -o BatchMode=yes login1`.",
    note="they are run here",
    engines=_SLURM,
    exclusive=True,
)
SLURM_TIMEOUT = Variable(
    "SLURM_TIMEOUT",
    kinds.number(1, 600, "seconds"),
    "How long one of Slurm's commands may take.",
    default="30",
    engines=_SLURM,
    exclusive=True,
)
SLURM_IMAGES = Variable(
    "SLURM_IMAGES",
    kinds.directory(),
    "Directory, also of the nodes, with images that are not fetched: NAME/TAG below it is an OCI layout or a bundle.",
    engines=_SLURM,
    exclusive=True,
)
SLURM_CACHE_BYTES = Variable(
    "SLURM_CACHE_BYTES",
    kinds.size(),
    "Most bytes that unpacked images take below storeBase; those not used for longest go first.",
    default="256 GiB",
    engines=_SLURM,
    exclusive=True,
)

SLURM = (
    SLURM_PARTITION,
    SLURM_ACCOUNT,
    SLURM_QOS,
    SLURM_CONSTRAINT,
    SLURM_GPU_GRES,
    SLURM_OPTIONS,
    SLURM_LAUNCHER,
    SLURM_PREFIX,
    SLURM_TIMEOUT,
    SLURM_IMAGES,
    SLURM_CACHE_BYTES,
)
