"""A command that acts as a process of the service."""

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import select
from support.job_context import make_context

from pfcon.commands import service_process as module
from pfcon.commands.service_process import service_process
from pfcon.paths import StoreBase
from pfcon.records.schema import services
from pfcon.testing.compute.harness import Harness


def test_its_lease_ends_also_if_it_is_being_renewed(
    storebase: StoreBase, tmp_path: Path, compute: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make_context(storebase, tmp_path, compute.engine)
    journal, begun, renewed = context.journal, threading.Event(), threading.Event()
    renew_lease = journal.renew_lease

    def slow() -> None:
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            time.sleep(0.3)
            renew_lease()
            renewed.set()
        else:
            renew_lease()

    monkeypatch.setattr(journal, "renew_lease", slow)
    monkeypatch.setattr(module, "LEASE", 0.1)
    with service_process(context):
        assert begun.wait(10)
    assert renewed.wait(10)
    with journal.database.engine.connect() as connection:
        assert connection.execute(select(services)).all() == []
