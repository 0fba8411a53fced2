"""The docker engine: one container for each job, on Docker or on Podman's service of the same API."""
