"""pfcon's configuration: the settings of all its parts, read from the environment once and checked together."""

from pfcon.configuration.load import load
from pfcon.configuration.model import Settings

__all__ = ["Settings", "load"]
