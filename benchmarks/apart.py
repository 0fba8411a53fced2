"""Runs a function in a fresh process, so that its work does not wait for this one's interpreter lock."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

CONTEXT = multiprocessing.get_context("spawn")


def run_apart(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What a module's function returns; it raises what that raises."""
    with ProcessPoolExecutor(1, CONTEXT) as pool:
        return pool.submit(function, *args, **kwargs).result()
