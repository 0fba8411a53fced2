"""Why jobs wait and fail: one vocabulary for all engines and storages.

``codes`` has the codes for machines, ``sentences`` the words for users and administrators. Engines and storages choose
a code and give its fields; they write no sentences of their own.
"""

from pfcon.reasons.codes import Reason
from pfcon.reasons.why import CANCELLED, SUCCESS, Why, explain

__all__ = ["CANCELLED", "SUCCESS", "Reason", "Why", "explain"]
