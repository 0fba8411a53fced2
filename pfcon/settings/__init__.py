"""Declares and reads settings. Each component declares its own; ``pfcon.configuration`` collects and checks them."""

from pfcon.settings.section import NoSettings, setting
from pfcon.settings.variable import Mode, Values, Variable

__all__ = ["Mode", "NoSettings", "Values", "Variable", "setting"]
