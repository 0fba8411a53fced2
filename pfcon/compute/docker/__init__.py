"""The docker engine: one container for each worker of a job, on Docker or on Podman's service of the same API."""
