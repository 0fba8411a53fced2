"""pfcon's configuration: the settings of all components, read once from the environment and checked together."""

from pfcon.configuration.load import load, load_address
from pfcon.configuration.model import Settings

__all__ = ["Settings", "load", "load_address"]
