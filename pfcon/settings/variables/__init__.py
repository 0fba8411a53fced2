"""Every environment variable that pfcon reads, declared once."""

from typing import Any

from pfcon.settings.variable import Variable
from pfcon.settings.variables.compute import COMPUTE
from pfcon.settings.variables.service import SERVICE
from pfcon.settings.variables.storage import STORAGE

GROUPS: dict[str, tuple[Variable[Any], ...]] = {"Service": SERVICE, "Storage": STORAGE, "Compute": COMPUTE}
ALL: tuple[Variable[Any], ...] = tuple(variable for group in GROUPS.values() for variable in group)
