"""The HTTP server: gunicorn with threaded workers that run the application."""

import ctypes
import faulthandler
import gc
import logging
import os
import resource
import signal
import sys
from typing import Any

from gunicorn.app.base import BaseApplication

from pfcon import __version__
from pfcon.api.openapi.document import PREFIX
from pfcon.api.service import MAX_CREDENTIALS
from pfcon.app import create_app, events_of, jobs_of
from pfcon.background import Ticker
from pfcon.configuration import Settings
from pfcon.configuration.shown import shown_settings
from pfcon.errors import ConfigurationError, PfconError, StorageFull, Unreachable
from pfcon.events.service import INTERVAL as EVENTS
from pfcon.front.log import GunicornLog
from pfcon.front.options import FrontOptions
from pfcon.front.worker import FrontWorker
from pfcon.metrics.exposition import forget_process
from pfcon.paths import StoreBase
from pfcon.records import Journal
from pfcon.records.database import UnusableUrl, connect
from pfcon.records.faults import Damaged
from pfcon.records.lease import LEASE
from pfcon.records.versions import MigrationFailed, MigrationFull, NewerSchema
from pfcon.service_log import write
from pfcon.units import MIB

log = logging.getLogger(__name__)

TICK = LEASE / 3  # seconds between two renewals of a lease
WATCH, TIDY = 1.0, 20.0  # seconds between two calls of these parts of JobService
SWITCH_INTERVAL = 0.001  # seconds; a thread that unpacks a zip must not delay a health request
BACKLOG = 2048
CONNECTIONS = 2048  # of one process; at the limit, the oldest unfinished requests are closed
STALLED = 120  # seconds without a heartbeat after which a worker is killed; long, because a busy machine may delay it
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


class Server(BaseApplication):
    """gunicorn, configured only by pfcon's settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app = create_app(settings)
        self.front_options = FrontOptions(
            auth=settings.auth,
            timeout=settings.server.header_timeout,
            form_bytes=settings.storage.limits.form_bytes,
            login_path=f"{PREFIX}/auth-token/",
            login_bytes=MAX_CREDENTIALS,
        )
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options; called by its constructor."""
        server = self._settings.server
        addresses = [server.address, *([self._settings.metrics.address] if self._settings.metrics.address else [])]
        options: dict[str, Any] = {
            "bind": [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in addresses],
            "workers": server.workers,
            "threads": server.threads,
            "worker_class": FrontWorker,
            "worker_connections": _connections(server.threads),
            "http_parser": "python",  # the only parser that pfcon.front supports
            "timeout": STALLED,
            "graceful_timeout": server.graceful_timeout,
            "backlog": BACKLOG,
            "preload_app": True,
            "accesslog": None,  # pfcon.api.request_log has the requests
            "logger_class": GunicornLog,
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,  # noqa: S108 - a heartbeat file
            "control_socket_disable": True,
            "proc_name": "pfcon",
            "when_ready": _share_memory,
            "on_exit": _log_stop,
            "child_exit": _forget_worker,
            "post_worker_init": _start_worker,
            "worker_exit": _stop_worker,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Return the application, which was created before the workers are forked."""
        return self._app


def _connections(threads: int) -> int:
    """Return the maximal number of connections of a process: half of its file descriptors are left to requests."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    most = CONNECTIONS if files == resource.RLIM_INFINITY else min(CONNECTIONS, files // 2)
    return max(most, threads + 64)


def _share_memory(_server: Any) -> None:
    """Exclude inherited objects from garbage collection in the workers, which would write to, and so copy, their pages.

    Saves about 20 MiB for each worker; see gc.freeze in Python's manual.
    """
    gc.collect()
    gc.freeze()


def _forget_worker(_server: Any, worker: Any) -> None:
    """Called in the parent process when a worker has ended."""
    forget_process(worker.pid)


def _log_stop(_server: Any) -> None:
    write(log, logging.INFO, "service stops", version=__version__)


def _keep_freed_memory() -> None:
    """Let glibc reuse memory for buffers of up to 4 MiB; each of its arenas keeps up to 16 MiB of free memory.

    By default each buffer of 1 MiB is mapped, zeroed and unmapped (mallopt(3)), which takes half of the time of an
    upload. Larger blocks, such as the tables of an upload with a million members, are returned to the system. Other C
    libraries have no mallopt, or ignore it.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_THRESHOLD, 4 * MIB)
    mallopt(_M_TRIM_THRESHOLD, 16 * MIB)


def _start_worker(worker: Any) -> None:
    faulthandler.register(signal.SIGUSR2)  # prints the stack of each thread, to find what a request waits for
    _keep_freed_memory()
    sys.setswitchinterval(SWITCH_INTERVAL)
    os.umask(0o022)  # jobs of other users must be able to read staged inputs
    jobs, events = jobs_of(worker.wsgi), events_of(worker.wsgi)
    try:
        jobs.start()
        events.start()
    except (PfconError, OSError) as error:
        log.warning("the records or storeBase are unavailable; retrying every %.0f s: %s", TICK, error)
    worker.pfcon_tickers = [
        Ticker("lease", TICK, jobs.renew_lease),
        Ticker("recovery", TICK, jobs.recover),
        Ticker("leader", WATCH, jobs.lead),
        *(Ticker(f"watch {watch.name}", WATCH, watch.tick) for watch in jobs.engine_watches),
        Ticker("tidy", TIDY, jobs.tidy),
        Ticker("events", EVENTS, events.run_once),
    ]


def _stop_worker(_server: Any, worker: Any) -> None:
    tickers = getattr(worker, "pfcon_tickers", None)
    if tickers is None:
        return
    for ticker in tickers:
        ticker.stop()
    try:
        jobs_of(worker.wsgi).stop()
    except PfconError as error:
        log.warning("the end of this process could not be recorded; other processes will detect it: %s", error)
    _leave()


def _leave() -> None:
    """Exit a successful worker without the cleanup of the interpreter, as a forked process may (os._exit in Python's
    manual). The cleanup would write to, and so copy, all memory shared with the parent process, which takes a second.
    """
    ending = sys.exc_info()[1]  # gunicorn calls this while it handles SystemExit
    if isinstance(ending, SystemExit) and not ending.code:
        logging.shutdown()
        os._exit(0)


def _require_sound_records(settings: Settings, storebase: StoreBase) -> None:
    """Bring the records up to date, and check SQLite's. Other errors than these are only logged.

    Raises UnusableUrl; Damaged for records that can't be read, NewerSchema for those of a newer release,
    MigrationFailed or MigrationFull for those of an earlier one that can't be brought up to date.
    """
    try:
        database = connect(settings.database_url, storebase.private_dir("records"), truncate_log=True)
        try:
            if database.dialect.name == "sqlite":
                Journal(lambda: database).abandoned()
        finally:
            database.dispose()
    except (UnusableUrl, Damaged, NewerSchema, MigrationFailed, MigrationFull):
        raise
    except (Unreachable, StorageFull) as error:
        log.warning("the records are unavailable: %s", error)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Running requests may end first; jobs continue.

    Raises ConfigurationError; for records that can't be used UnusableUrl, Damaged, NewerSchema, MigrationFailed,
    MigrationFull.
    """
    storebase = StoreBase(settings.storage.storebase_mount)
    try:
        storebase.private_dir("records")
    except OSError as error:
        raise ConfigurationError(
            [f"STOREBASE_MOUNT: got {str(storebase.root)!r}, where this user can't write: {error.strerror}"]
        ) from None
    _require_sound_records(settings, storebase)
    write(log, logging.INFO, "service starts", version=__version__, **shown_settings(settings))
    Server(settings).run()
