"""Counts what a service asks its engine for: requests to its socket, or commands."""

import os
import shutil
import socket
import threading
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

from support.readable import readable
from support.relay import AnyRelay, Relay
from support.tcp_relay import TcpRelay

from benchmarks.faults import NotHere
from benchmarks.requests import RequestParser, kind_of

COMMANDS = ("sbatch", "squeue", "scancel", "scontrol", "sacct", "sstat", "sinfo")
_PIECE = 2**16  # bytes


class Calls(Protocol):
    """What counts the calls of an engine."""

    def counts(self) -> "Counter[str]":
        """How many calls there were until now, by their kind."""
        ...


class _Counting(AnyRelay):
    """Counts the requests that pass. Each connection has a thread."""

    def __init__(self, target: str, *others: Any) -> None:
        super().__init__(target, *others)
        self._counter: Counter[str] = Counter()
        self._lock = threading.Lock()

    def counts(self) -> "Counter[str]":
        """See Calls."""
        with self._lock:
            return Counter(self._counter)

    def _count(self, first_line: str) -> None:
        with self._lock:
            self._counter[kind_of(first_line)] += 1

    def pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """Copy both ways until one side has said its last."""
        parser = RequestParser(self._count)
        while True:
            for source in readable([client, server]):
                if not (piece := source.recv(_PIECE)):
                    return
                if source is client:
                    parser.feed(piece)
                (server if source is client else client).sendall(piece)


class CountingRelay(_Counting, Relay):
    """In front of an engine's Unix socket, at the path of another one."""


class CountingTcpRelay(_Counting, TcpRelay):
    """In front of a port of loopback."""


class CountedCommands:
    """Programs of the names of Slurm's in a directory: each notes its name, then becomes the real one."""

    def __init__(self, directory: Path) -> None:
        """Raises NotHere without Slurm's commands."""
        self._notes = directory / "commands.txt"
        self._notes.touch()
        programs = directory / "commands"
        programs.mkdir()
        for name in COMMANDS:
            if (real := shutil.which(name)) is None:
                continue
            programs.joinpath(name).write_text(f'#!/bin/sh\necho {name} >> {self._notes}\nexec {real} "$@"\n')
            programs.joinpath(name).chmod(0o755)
        if not any(programs.iterdir()):
            raise NotHere("Slurm's commands are not installed")
        self.path = f"{programs}:{os.environ['PATH']}"

    def counts(self) -> "Counter[str]":
        """See Calls."""
        return Counter(self._notes.read_text().split())
