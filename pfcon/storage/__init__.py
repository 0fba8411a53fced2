"""Storages: where inputs come from and outputs go. ``base`` is their interface."""
