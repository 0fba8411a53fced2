"""Loads and checks Settings from the environment."""

import logging
from collections.abc import Mapping

from pfcon.archive.limits import UploadLimits
from pfcon.compute.settings import ComputeSettings
from pfcon.configuration import credentials, rules
from pfcon.configuration.chosen import Chosen, choose
from pfcon.configuration.model import Settings
from pfcon.errors import ConfigurationError
from pfcon.settings.jobs import ActiveLimits, RetentionSettings
from pfcon.settings.log import LogSettings
from pfcon.settings.parsing import APPLICATION_MODE, mode_of, parse
from pfcon.settings.section import build, variable
from pfcon.settings.service import AuthSettings, MetricsSettings, ServerSettings, WebhookSettings
from pfcon.settings.source import collect, process_environment
from pfcon.settings.variable import Mode, Values, Variable
from pfcon.storage.settings import StorageSettings

log = logging.getLogger(__name__)


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check all settings.

    environ: None means the process's environment, completed from ``.env`` in the current directory.
    Raises ConfigurationError with every fault, without any secret.
    """
    faults: list[str] = []
    if environ is None:
        environ, faults = process_environment()
    chosen, known, not_loaded = choose(environ)
    values, unreadable = parse(collect(environ, known.variables), known.variables)
    faults += [*unreadable, *not_loaded, *rules.check(values, chosen, known)]
    if faults:
        raise ConfigurationError(faults)
    for line in credentials.warnings(values, chosen):
        log.warning("%s", line)
    return _settings(values, chosen)


def load_address() -> tuple[str, int]:
    """Read the address of the service, and nothing else: who only asks it on its host need not know its secrets.

    From the process's environment and ``.env``, as ``load``. Raises ConfigurationError.
    """
    environ, faults = process_environment()
    address: Variable[tuple[str, int]] = variable(ServerSettings, "address")
    known = (APPLICATION_MODE, address)
    texts = collect({one.name: environ[one.name] for one in known if one.name in environ}, known)
    values, unreadable = parse(texts, known)
    if faults or unreadable:
        raise ConfigurationError([*faults, *unreadable])
    found: tuple[str, int] = values.parsed[address.name]
    return found


def _settings(values: Values, chosen: Chosen) -> Settings:
    """Create Settings from values that the rules have accepted."""
    volume_type = chosen.volume_type(values)
    if chosen.engine is None or chosen.storage is None or volume_type is None:
        raise ValueError("the rules were not checked")
    mode = mode_of(values)
    return build(
        Settings,
        values,
        mode=mode,
        auth=build(AuthSettings, values),
        server=build(ServerSettings, values),
        webhook=build(WebhookSettings, values),
        metrics=build(MetricsSettings, values),
        active=build(ActiveLimits, values),
        retention=build(RetentionSettings, values),
        log=build(LogSettings, values),
        storage=build(
            StorageSettings,
            values,
            name=chosen.storage.name,
            limits=build(UploadLimits, values),
            own=build(chosen.storage.settings, values),
            create=mode is Mode.DEVELOPMENT,
        ),
        compute=build(
            ComputeSettings,
            values,
            engine=chosen.engine.name,
            volume_type=volume_type.name,
            storebase=chosen.storebase(values),
            own=build(chosen.engine.settings, values),
        ),
    )
