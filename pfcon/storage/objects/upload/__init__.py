"""Uploads of a job's outputs to an object store."""
