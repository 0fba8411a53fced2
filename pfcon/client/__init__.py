"""The commands that are clients of a service: they need its address, a user and a password, and no setting of it."""
