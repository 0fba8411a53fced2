"""The contract of compute engines (pfcon/compute/base.py)."""

from pfcon.testing.compute.capabilities import Capabilities
from pfcon.testing.compute.contract import CONTRACT, Check, Outcomes, side_by_side
from pfcon.testing.compute.harness import Harness, MakeForeignJob, Untouched

__all__ = [
    "CONTRACT",
    "Capabilities",
    "Check",
    "Harness",
    "MakeForeignJob",
    "Outcomes",
    "Untouched",
    "side_by_side",
]
