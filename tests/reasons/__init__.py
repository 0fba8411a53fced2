"""A registry of images that fails in every way, and what is made of its failures. Not the package ``pfcon.reasons``."""
