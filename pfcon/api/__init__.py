"""The HTTP interface. A resource parses the request, calls one method of the service and returns JSON."""
