"""The cromwell engine: each job is a workflow of one task, on a backend of a Cromwell server."""
