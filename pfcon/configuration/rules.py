"""Rules for combinations of settings of different components. Pure functions: a rule yields one line for each fault.

A rule yields nothing when a value that it depends on is unreadable, because that fault is reported separately. An
unreadable APPLICATION_MODE counts as production.
"""

from collections.abc import Callable, Iterator

from pfcon.compute.settings import ComputeSettings
from pfcon.configuration import credentials
from pfcon.configuration.chosen import Chosen
from pfcon.configuration.known import COMPUTE_VOLUME_TYPE, PFCON_INNETWORK, STORAGE_ENV, KnownSettings
from pfcon.settings.kinds import listing
from pfcon.settings.parsing import mode_of
from pfcon.settings.rules import required
from pfcon.settings.section import variable
from pfcon.settings.service import MetricsSettings, ServerSettings, WebhookSettings
from pfcon.settings.variable import Values

PfconRule = Callable[[Values, Chosen, KnownSettings], Iterator[str]]

RESERVED_LABELS = ("org.chrisproject.job_type", "chrisproject.org/job-type")
"""Labels by which engines find their jobs."""
_OWN_PREFIX = "org.chrisproject.pfcon."  # of other labels that engines set on jobs


def check(values: Values, chosen: Chosen, settings: KnownSettings) -> list[str]:
    """Return the faults of all rules, for values without those that are unreadable."""
    return [fault for rule in RULES for fault in rule(values, chosen, settings)]


def _credentials(values: Values, _chosen: Chosen, _settings: KnownSettings) -> Iterator[str]:
    return credentials.check(values)


def _webhook(values: Values, _chosen: Chosen, _settings: KnownSettings) -> Iterator[str]:
    """The URL of the webhook and the key of its signatures need each other."""
    url, secret = variable(WebhookSettings, "url"), variable(WebhookSettings, "secret")
    if values.missing(secret) and not values.missing(url):
        yield values.fault(secret, f"{url.name} needs it")
    if values.missing(url) and not values.missing(secret):
        yield values.fault(url, f"{secret.name} is for it")


def _metrics(values: Values, _chosen: Chosen, _settings: KnownSettings) -> Iterator[str]:
    """The port of the metrics must be another one: what arrives there needs no token."""
    own, others = variable(MetricsSettings, "address"), variable(ServerSettings, "address")
    address, service = values.get(own), values.get(others)
    if address is not None and service is not None and address[1] == service[1]:
        yield values.fault(own, f"which is the port of {others.name}")


def _storage_pair(values: Values, chosen: Chosen, settings: KnownSettings) -> Iterator[str]:
    """The storage must agree with PFCON_INNETWORK."""
    innetwork = values.get(PFCON_INNETWORK)
    if innetwork is None or chosen.storage is None or chosen.storage.innetwork is innetwork:
        return
    pair = f"{PFCON_INNETWORK.name}={str(innetwork).lower()}"
    allowed = listing([storage.name for storage in settings.storages if storage.innetwork is innetwork])
    yield f"{values.fault(STORAGE_ENV, 'which does not fit ' + pair)}; with {pair}, {allowed}"


def _storage_needs(values: Values, chosen: Chosen, _settings: KnownSettings) -> Iterator[str]:
    """The storage's required settings, and its own rules."""
    if chosen.storage is not None:
        yield from required(chosen.storage.settings, values, f"{STORAGE_ENV.name}={chosen.storage.name} needs it")
        yield from chosen.storage.rules(values, mode_of(values))


def _volume_pair(values: Values, chosen: Chosen, _settings: KnownSettings) -> Iterator[str]:
    """The engine must have the volume type."""
    engine, named = chosen.engine, values.get(COMPUTE_VOLUME_TYPE)
    if engine is None or named is None or named in [kind.name for kind in engine.volume_types]:
        return
    allowed = listing([kind.name for kind in engine.volume_types])
    reason = f"which CONTAINER_ENV={engine.name} does not have"
    yield f"{values.fault(COMPUTE_VOLUME_TYPE, reason)}; with {engine.name}, {allowed}"


def _volume_needs(values: Values, chosen: Chosen, _settings: KnownSettings) -> Iterator[str]:
    """The volume type's setting for the place of storeBase. An invalid type counts as the engine's default one."""
    kind = chosen.volume_type(values)
    if kind is None or not kind.required or (chosen.engine and chosen.engine.sees_storebase_here):
        return
    needed = values.variables[kind.variable]
    if values.missing(needed):
        yield values.fault(needed, f"COMPUTE_VOLUME_TYPE={kind.name} needs it")


def _engine_needs(values: Values, chosen: Chosen, _settings: KnownSettings) -> Iterator[str]:
    """The engine's required settings, and its own rules."""
    engine = chosen.engine
    if engine is None:
        return
    reason = f"CONTAINER_ENV={engine.name} needs it"
    yield from required(engine.settings, values, reason)
    for option in sorted(engine.requires):
        if values.missing(values.variables[option]):
            yield values.fault(values.variables[option], reason)
    yield from engine.rules(values, mode_of(values))


def _engine_options(values: Values, chosen: Chosen, settings: KnownSettings) -> Iterator[str]:
    """An option of jobs that the engine does not have is an error, not ignored."""
    engine = chosen.engine
    if engine is None:
        return
    for option in settings.variables:
        users = settings.users(option)
        if option.exclusive and engine.name not in users and option.name in values.texts:
            reason = f"but CONTAINER_ENV={engine.name} has no such option (available with {listing([*users], 'and')})"
            why = engine.lacks.get(option.name)
            yield values.fault(option, f"{reason}: {why}" if why else reason)


def _labels(values: Values, _chosen: Chosen, _settings: KnownSettings) -> Iterator[str]:
    """Additional labels of jobs must not be those that pfcon sets."""
    labels = variable(ComputeSettings, "labels")
    for key, _ in values.get(labels) or ():
        if key in RESERVED_LABELS or key.startswith(_OWN_PREFIX):
            yield values.fault(labels, f"{key} is reserved for pfcon")


RULES: tuple[PfconRule, ...] = (
    _credentials,
    _webhook,
    _metrics,
    _storage_pair,
    _storage_needs,
    _volume_pair,
    _volume_needs,
    _engine_needs,
    _engine_options,
    _labels,
)
