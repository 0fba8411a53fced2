"""A compute engine for pfcon to learn from: each job is a process of this machine, with a keeper beside it."""
