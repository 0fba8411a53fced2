"""``python -m fault_rounds``: run the rounds, print the table."""

import random
import signal
import sys
import threading
import time
from contextlib import ExitStack

import pytest

from pfcon.testing.waiting import eventually

from . import options
from .client import PatientClient, StuckError, WrongError
from .faults import FAULTS, impossible
from .lives import Life
from .options import Options
from .runs import MarkedRuns, Runs, SeenRuns
from .schedule import PlannedFault, PlannedJob, Round, plan
from .site import Site, is_unborn, open_site
from .staged_lives import LinkLife, ObjectLife
from .tally import Tally, Verdict
from .zip_life import ZipLife

LIVES: dict[str, type[Life]] = {"zipfile": ZipLife, "fslink": LinkLife, "swift": ObjectLife, "s3": ObjectLife}
SWEPT = 60.0  # seconds until nothing is left of what was deleted
UNBORN = 180.0  # seconds until nothing is left of what a kill has kept from starting


def run(chosen: Options) -> Tally:
    """All rounds on one service. Says on stdout what strikes, and what went wrong."""
    tally = Tally()
    with ExitStack() as stack:
        site = stack.enter_context(open_site(chosen))
        missing = impossible(site)
        for name, reason in missing.items():
            print(f"no {name}: {reason}", flush=True)
        if wanted := set(chosen.faults) & set(missing):
            raise SystemExit(f"can't be had here: {', '.join(sorted(wanted))}")
        names = [name for name in chosen.faults or FAULTS if name not in missing]
        runs: Runs = MarkedRuns(site.marks) if chosen.engine == "process" else SeenRuns()
        stack.callback(runs.close)
        for number in range(chosen.first, chosen.first + chosen.rounds):
            _run_round(plan(chosen.seed, number, chosen.jobs, names), site, runs, tally)
        _look_for_unborn(site, tally)
        if chosen.keep:
            print(f"kept: {site.root}", flush=True)
    return tally


def _run_round(planned: Round, site: Site, runs: Runs, tally: Tally) -> None:
    known = len(tally.findings)
    site.was_full, healed = False, threading.Event()
    lives = [_life(job, healed, site, runs, tally) for job in planned.jobs]
    for life in lives:
        life.prepare()
    begun = time.monotonic()
    threads = [threading.Thread(target=_live, args=(life, begun), daemon=True) for life in lives]
    for thread in threads:
        thread.start()
    struck = [_strike(fault, begun, site, tally) for fault in planned.faults]
    healed.set()
    for thread in threads:
        thread.join()
    tally.rounds += 1
    tally.jobs += len(planned.jobs)
    if not eventually(lambda: not _left(site, runs) - tally.left, SWEPT):
        tally.leave(_left(site, runs) - tally.left)
    for life in lives:
        life.clean()
    found = tally.findings[known:]
    seconds = time.monotonic() - begun
    print(f"round {planned.number}: {', '.join(struck)}; {seconds:.0f} s: {'; '.join(found) or 'all well'}", flush=True)


def _left(site: Site, runs: Runs) -> set[str]:
    return {*(name for name in site.leftovers() if not is_unborn(name)), *runs.left()}


def _look_for_unborn(site: Site, tally: Tally) -> None:
    """Both engines are used, that of jobs and that of operations, as on any service, and have to find these."""
    healed = threading.Event()
    healed.set()
    client = PatientClient(site.server.url, healed)
    until = time.monotonic() + UNBORN
    while (left := set(filter(is_unborn, site.leftovers()))) and time.monotonic() < until:
        try:
            client.ask("GET", "jobs/round-none/")
            client.ask("GET", "copyjobs/round-none/")
        except (StuckError, WrongError) as fault:
            tally.find(Verdict.WRONG, repr(fault))
        time.sleep(1)
    if left:
        tally.leave(left)


def _strike(fault: PlannedFault, begun: float, site: Site, tally: Tally) -> str:
    time.sleep(fault.after)
    at, known = time.monotonic(), len(site.killed)
    FAULTS[fault.name](site, random.Random(fault.seed))
    tally.faults[fault.name] += 1
    hit = f" ({hits} of its jobs)" if (hits := len(site.killed) - known) else ""
    return f"{fault.name}{hit} at {at - begun:.1f} s for {time.monotonic() - at:.1f} s"


def _life(planned: PlannedJob, healed: threading.Event, site: Site, runs: Runs, tally: Tally) -> Life:
    client = PatientClient(site.server.url, healed)
    return LIVES[site.options.storage](site, planned, client, runs, tally)


def _live(life: Life, begun: float) -> None:
    time.sleep(max(0.0, begun + life.planned.begin - time.monotonic()))
    try:
        life.live()
    except StuckError as fault:
        life.find(Verdict.STUCK, str(fault))
    except (WrongError, OSError, ValueError, KeyError) as fault:
        life.find(Verdict.WRONG, repr(fault))


def main(words: list[str] | None = None) -> int:
    """The exit status: 0 when nothing went wrong, 2 when something is missing that the options ask for."""
    chosen = options.parse(words, list(FAULTS))
    print(f"seed {chosen.seed}: {chosen.engine}, {chosen.storage}, {chosen.database}", flush=True)
    try:
        tally = run(chosen)
    except pytest.skip.Exception as lack:
        print(lack, file=sys.stderr)
        return 2
    print()
    for line in [*tally.lines(), *(f"- {text}" for text in tally.findings)]:
        print(line)
    return 0 if tally.is_clean else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what was started is ended first
    sys.exit(main())
