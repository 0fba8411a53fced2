"""A storage of pfcon in a package of its own, to learn from."""
