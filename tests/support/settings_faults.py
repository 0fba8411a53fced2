"""What pfcon has against settings."""

from pfcon.configuration import load
from pfcon.errors import ConfigurationError

DEV = {"APPLICATION_MODE": "development"}
PROD = {
    "SECRET_KEY": "mT3vX9qLr7Wz1KfB5nHs8YdJ2cGp4RaE",
    "PFCON_USER": "cube",
    "PFCON_PASSWORD": "blue-Whale.77x",
}


def faults(environ: dict[str, str]) -> list[str]:
    """What ``load`` has against the settings; empty when nothing."""
    try:
        load(environ)
    except ConfigurationError as error:
        return error.faults
    return []


def named(environ: dict[str, str]) -> list[str]:
    """The variables that ``load`` has something against."""
    return [line.partition(":")[0] for line in faults(environ)]
