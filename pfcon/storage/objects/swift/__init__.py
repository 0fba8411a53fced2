"""OpenStack Swift as an object store."""
