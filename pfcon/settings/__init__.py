"""What a setting is, and how it is read. Components declare their own; ``pfcon.configuration`` puts all together."""

from pfcon.settings.section import NoSettings, setting
from pfcon.settings.variable import Mode, Values, Variable

__all__ = ["Mode", "NoSettings", "Values", "Variable", "setting"]
