"""Modules that the engines with a Docker API, docker and swarm, share: connections, errors, logs, images."""
