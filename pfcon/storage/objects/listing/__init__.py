"""Listings of an object store as a tree of directories."""
