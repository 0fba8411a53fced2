"""The HTTP server: gunicorn's threaded workers around the application."""

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

from pfcon.api.service import MAX_CREDENTIALS
from pfcon.app import PREFIX, create_app, jobs_of
from pfcon.background import Ticker
from pfcon.configuration import Settings
from pfcon.errors import ConfigurationError, PfconError, StorageFull, Unreachable
from pfcon.front.options import FrontOptions
from pfcon.front.worker import FrontWorker
from pfcon.jobs.watching import INTERVAL as WATCH
from pfcon.paths import StoreBase
from pfcon.records import Journal
from pfcon.records.lease import LEASE
from pfcon.records.schema import Damaged, connect
from pfcon.units import MIB

log = logging.getLogger(__name__)

TICK = LEASE / 3  # seconds between two renewals of a process's lease
SWITCH_INTERVAL = 0.001  # seconds; a thread that unpacks must not keep a health request waiting
BACKLOG = 2048
CONNECTIONS = 2048  # of one process; where there is no place, unfinished requests are closed, the oldest first
STALLED = 120  # seconds without a sign of life after which a worker is ended; a busy machine may stop one for a while
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


class Server(BaseApplication):
    """gunicorn, configured by our settings alone."""

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
        """What gunicorn asks for first."""
        server = self._settings.server
        host = f"[{server.host}]" if ":" in server.host else server.host
        options: dict[str, Any] = {
            "bind": f"{host}:{server.port}",
            "workers": server.workers,
            "threads": server.threads,
            "worker_class": FrontWorker,
            "worker_connections": _connections(server.threads),
            "http_parser": "python",  # the one that the front was made for
            "timeout": STALLED,
            "graceful_timeout": server.graceful_timeout,
            "backlog": BACKLOG,
            "preload_app": True,
            "accesslog": None if self._settings.production else "-",
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,  # noqa: S108 - a heartbeat file
            "control_socket_disable": True,
            "proc_name": "pfcon",
            "when_ready": _share_memory,
            "post_worker_init": _start_worker,
            "worker_exit": _stop_worker,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application, made before the workers are forked."""
        return self._app


def _connections(threads: int) -> int:
    """How many connections a process may have: half of the files that it may have open are left to requests."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    most = CONNECTIONS if files == resource.RLIM_INFINITY else min(CONNECTIONS, files // 2)
    return max(most, threads + 64)


def _share_memory(_server: Any) -> None:
    """Leave what the workers inherit out of garbage collection, which would touch, and so copy, all of it.

    See gc.freeze in Python's manual: some 20 MiB for each worker.
    """
    gc.collect()
    gc.freeze()


def _keep_freed_memory() -> None:
    """Let glibc serve buffers of up to 4 MiB from memory that it keeps, up to 16 MiB of it for each of its arenas.

    By default each buffer of 1 MiB is mapped, zeroed and unmapped again (mallopt(3)): half of the time that an
    upload takes. What is larger, such as the tables of an upload of a million members, goes back to the system. Other
    C libraries have no mallopt, or ignore it.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_THRESHOLD, 4 * MIB)
    mallopt(_M_TRIM_THRESHOLD, 16 * MIB)


def _start_worker(worker: Any) -> None:
    faulthandler.register(signal.SIGUSR2)  # prints where each thread is: what a request that hangs waits for
    _keep_freed_memory()
    sys.setswitchinterval(SWITCH_INTERVAL)
    os.umask(0o022)  # jobs run as other users and have to read what is staged
    jobs = jobs_of(worker.wsgi)
    try:
        jobs.start()
    except (PfconError, OSError) as error:
        log.warning("the records or storeBase are away; they are tried again every %.0f s: %s", TICK, error)
    worker.pfcon_tickers = [
        Ticker("lease", TICK, jobs.renew_lease),
        Ticker("recovery", TICK, jobs.recover),
        Ticker("watch", WATCH, jobs.watch),
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
        log.warning("the end of this process could not be written down; others find out by themselves: %s", error)
    _leave()


def _leave() -> None:
    """End a worker that ends well without taking its interpreter down, as a forked process may (os._exit in Python's
    manual): that touches, and so copies, all memory that it shares with the first process, a second of work.
    """
    ending = sys.exc_info()[1]  # gunicorn calls this while it leaves with the exit status
    if isinstance(ending, SystemExit) and not ending.code:
        logging.shutdown()
        os._exit(0)


def _require_sound_records(settings: Settings, storebase: StoreBase) -> None:
    """Raises Damaged for a file that no later try will read. A database that is away is waited for."""
    if settings.database_url is None or settings.database_url.startswith("sqlite"):
        try:
            database = connect(settings.database_url, storebase.private_dir("records"))
            try:
                Journal(lambda: database).abandoned()
            finally:
                database.dispose()
        except Damaged:
            raise
        except (Unreachable, StorageFull) as error:
            log.warning("the records are away: %s", error)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT: running requests may end first, jobs go on.

    Raises ConfigurationError, and Unreachable for records that are damaged.
    """
    storebase = StoreBase(settings.storage.storebase_mount)
    try:
        storebase.private_dir("records")
    except OSError as error:
        raise ConfigurationError(
            [f"STOREBASE_MOUNT: got {str(storebase.root)!r}, where this user can't write: {error.strerror}"]
        ) from None
    _require_sound_records(settings, storebase)
    Server(settings).run()
