"""pfcon: the job controller of the ChRIS platform."""

__version__ = "0.1.0"
