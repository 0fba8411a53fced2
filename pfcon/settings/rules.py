"""How the settings go together. Pure: each rule yields one line for each fault.

A rule is silent where a value that it depends on could not be read: that fault is told already. An unreadable
APPLICATION_MODE counts as production.
"""

import re
from collections.abc import Callable, Iterator

from pfcon.settings import credentials, derived
from pfcon.settings.kinds import listing
from pfcon.settings.model import EngineName, Mode, StorageName, SwiftAuth, VolumeType
from pfcon.settings.variable import Values, Variable
from pfcon.settings.variables import ALL, compute, storage

Rule = Callable[[Values], Iterator[str]]

RESERVED_LABELS = ("org.chrisproject.job_type", "chrisproject.org/job-type")
"""Labels that engines find their jobs by."""
_OWN_PREFIX = "org.chrisproject.pfcon."  # of what else engines write down on jobs

# Kubernetes, "Labels and Selectors": an optional DNS subdomain and a name; a value.
_LABEL_NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_LABEL_KEY = re.compile(rf"([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_LABEL_NAME}")
_LABEL_VALUE = re.compile(rf"({_LABEL_NAME})?")


def check(values: Values) -> list[str]:
    """All faults of values that are readable one by one."""
    return [fault for rule in RULES for fault in rule(values)]


def storage_pair(values: Values) -> Iterator[str]:
    """zipfile is out-of-network, every other storage in-network."""
    innetwork, name = values.get(storage.PFCON_INNETWORK), values.get(storage.STORAGE_ENV)
    if innetwork is None or name is None:
        return
    allowed = [other.value for other in StorageName if (other is not StorageName.ZIPFILE) is innetwork]
    if name.value not in allowed:
        yield (
            f"{values.fault(storage.STORAGE_ENV, 'which does not go with ' + _innetwork(innetwork))}; "
            f"with {_innetwork(innetwork)}, {listing(allowed)}"
        )


def storage_needs(values: Values) -> Iterator[str]:
    """swift and s3 need to be told where and who; development has defaults."""
    needs: dict[StorageName | None, tuple[Variable[str], ...]] = {
        StorageName.SWIFT: storage.SWIFT,
        StorageName.S3: storage.S3,
    }
    name = derived.storage_name(values)
    for variable in needs.get(name, ()):
        if values.missing(variable):
            yield values.fault(variable, f"STORAGE_ENV={name} needs it in production")


def keystone(values: Values) -> Iterator[str]:
    """Keystone needs a project; what only it knows is refused where it is not asked, and domains are version 3's."""
    version = values.get(storage.SWIFT_AUTH_VERSION)
    if version is None or derived.storage_name(values) is not StorageName.SWIFT:
        return
    chosen = f"SWIFT_AUTH_VERSION={version}"
    if version is not SwiftAuth.V1 and values.missing(storage.SWIFT_PROJECT_NAME):
        yield values.fault(storage.SWIFT_PROJECT_NAME, f"{chosen} needs it")
    unknown = {
        SwiftAuth.V1: (*storage.KEYSTONE, *storage.KEYSTONE_DOMAINS),
        SwiftAuth.V2: storage.KEYSTONE_DOMAINS,
        SwiftAuth.V3: (),
    }
    for variable in unknown[version]:
        if variable.name in values.texts:
            yield values.fault(variable, f"but {chosen} has no such option")


def volume_pair(values: Values) -> Iterator[str]:
    """Each engine reaches storeBase in its own ways."""
    engine, kind = values.get(compute.CONTAINER_ENV), derived.volume_type(values)
    if engine and kind and kind not in derived.VOLUME_TYPES[engine]:
        allowed = listing([other.value for other in derived.VOLUME_TYPES[engine]])
        reason = f"which CONTAINER_ENV={engine} does not have"
        yield f"{values.fault(compute.COMPUTE_VOLUME_TYPE, reason)}; with {engine}, {allowed}"


def volume_needs(values: Values) -> Iterator[str]:
    """A claim needs a name, a host directory a path. After an impossible pair, the engine's default is judged."""
    engine, kind = values.get(compute.CONTAINER_ENV), derived.volume_type(values)
    if engine and kind and kind not in derived.VOLUME_TYPES[engine]:
        kind = derived.VOLUME_TYPES[engine][0]
    if kind is VolumeType.KUBERNETES_PVC and values.missing(compute.VOLUME_NAME):
        yield values.fault(compute.VOLUME_NAME, f"COMPUTE_VOLUME_TYPE={kind} needs it")
    has_own_default = engine in (None, EngineName.PROCESS)
    if kind is VolumeType.HOST and values.missing(compute.STOREBASE) and not has_own_default:
        yield values.fault(compute.STOREBASE, f"COMPUTE_VOLUME_TYPE={kind} needs it")


def engine_needs(values: Values) -> Iterator[str]:
    """What an engine can't do without."""
    needs: dict[EngineName | None, tuple[Variable[str] | Variable[int], ...]] = {
        EngineName.CROMWELL: (compute.CROMWELL_URL, compute.TIMELIMIT_MINUTES),
        EngineName.SLURM: (compute.TIMELIMIT_MINUTES,),
    }
    engine = values.get(compute.CONTAINER_ENV)
    for variable in needs.get(engine, ()):
        if values.missing(variable):
            yield values.fault(variable, f"CONTAINER_ENV={engine} needs it")


def engine_options(values: Values) -> Iterator[str]:
    """An option of jobs that the engine does not have is refused rather than ignored."""
    engine = values.get(compute.CONTAINER_ENV)
    if engine is None:
        return
    for variable in ALL:
        if variable.exclusive and engine not in variable.engines and variable.name in values.texts:
            having = listing([other.value for other in variable.engines], "and")
            yield values.fault(variable, f"but CONTAINER_ENV={engine} has no such option (available with {having})")


def process_is_allowed(values: Values) -> Iterator[str]:
    """The process engine isolates nothing: production has to ask for it twice."""
    chosen = values.get(compute.CONTAINER_ENV) is EngineName.PROCESS
    if chosen and derived.mode(values) is Mode.PRODUCTION and values.get(compute.PFCON_ALLOW_PROCESS) is False:
        yield values.fault(
            compute.CONTAINER_ENV,
            "which runs jobs unisolated, as this service's own user; production refuses that unless "
            "PFCON_ALLOW_PROCESS=true",
        )


def labels(values: Values) -> Iterator[str]:
    """Jobs must not carry the labels that pfcon finds itself and its jobs by, and Kubernetes has a grammar."""
    selector = values.get(compute.PFCON_SELECTOR)
    for key, value in values.get(compute.JOB_LABELS) or ():
        if key in RESERVED_LABELS or key.startswith(_OWN_PREFIX):
            yield values.fault(compute.JOB_LABELS, f"{key} is pfcon's own")
        if selector in (key, f"{key}={value}"):
            yield values.fault(compute.JOB_LABELS, f"{selector} is what PFCON_SELECTOR finds this service by")
    if values.get(compute.CONTAINER_ENV) is EngineName.KUBERNETES:
        for variable in (compute.JOB_LABELS, compute.NODE_SELECTOR):
            for key, value in values.get(variable) or ():
                if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
                    yield values.fault(variable, f"Kubernetes takes no label {f'{key}={value}'!r}")


def _innetwork(value: bool) -> str:
    return f"{storage.PFCON_INNETWORK.name}={str(value).lower()}"


RULES: tuple[Rule, ...] = (
    credentials.check,
    storage_pair,
    storage_needs,
    keystone,
    process_is_allowed,
    volume_pair,
    volume_needs,
    engine_needs,
    engine_options,
    labels,
)
