"""pfcon's configuration: environment variables, read once and checked together."""

from pfcon.settings.model import Settings
from pfcon.settings.read import load

__all__ = ["Settings", "load"]
