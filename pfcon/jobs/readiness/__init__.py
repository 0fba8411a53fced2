"""Whether all parts that a service needs work now: the records, storeBase, the engines, the storage, the keeper."""

from pfcon.jobs.readiness.parts import make_readiness, traffic_states
from pfcon.jobs.readiness.probing import PartState, Readiness

__all__ = ["PartState", "Readiness", "make_readiness", "traffic_states"]
