"""What is measured: one module for each name of ``options.SECTIONS``, each with ``measure(session) -> Table``."""

from collections.abc import Callable
from importlib import import_module

from benchmarks.report import Table
from benchmarks.session import Session

Measure = Callable[[Session], Table]


def section(name: str) -> Measure:
    """The function that measures a section."""
    measure: Measure = import_module(f"benchmarks.sections.{name}").measure
    return measure
