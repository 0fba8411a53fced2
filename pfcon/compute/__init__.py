"""Compute engines, which run jobs: one package for each. ``base`` is their interface."""
