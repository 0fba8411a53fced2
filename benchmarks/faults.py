"""What goes wrong in a measurement, as opposed to a target that is missed."""


class Broken(Exception):
    """A measurement that means nothing: an answer was wrong, a program failed, data was missing."""


class NotHere(Exception):
    """A section that can't be measured on this machine, and why."""
