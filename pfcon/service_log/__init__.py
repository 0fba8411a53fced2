"""The service's log: the form of its lines, the id of the request that a line belongs to, and a limit of lines."""

from pfcon.service_log.lines import about, write
from pfcon.service_log.request_id import accepted_or_new, current_request_id, new_request_id, set_request_id

__all__ = ["about", "accepted_or_new", "current_request_id", "new_request_id", "set_request_id", "write"]
