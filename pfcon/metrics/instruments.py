"""What each process of a service counts. The names and labels are an interface: dashboards and alerts use them."""

from prometheus_client import Counter, Gauge, Histogram

from pfcon.metrics import room

room.install()
_SHORT = (0.005, 0.02, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)  # seconds, of answers and calls
_LONG = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 24 * 3600.0, 7 * 24 * 3600.0)  # seconds, of jobs
_BYTES = tuple(float(1024**exponent * step) for exponent in (1, 2, 3, 4) for step in (1, 32))

REQUESTS = Histogram(
    "pfcon_request_seconds",
    "Time until the head of an answer, by route, method and status.",
    ["route", "method", "status"],
    buckets=_SHORT,
)
REFUSED_EARLY = Counter(
    "pfcon_requests_refused_early",
    "Requests that were refused before they had a route: no valid HTTP, too slow.",
    ["status"],
)
LOGINS_REFUSED = Counter("pfcon_logins_refused", "Logins with wrong credentials, or beyond the limit of them.")
TRANSFERS = Gauge("pfcon_transfers", "Uploads and downloads under way.", multiprocess_mode="livesum")
STREAMS = Gauge(
    "pfcon_streams", "Streams under way, by what they have: events or logs.", ["kind"], multiprocess_mode="livesum"
)

JOB_CHANGES = Counter(
    "pfcon_job_changes", "Changes of a job's status, by kind, status and reason.", ["kind", "status", "reason"]
)
STAGING = Histogram(
    "pfcon_job_staging_seconds", "Time from a job's POST until its inputs are staged.", ["kind"], buckets=_LONG
)
QUEUE = Histogram(
    "pfcon_job_queue_seconds",
    "Time from the staged inputs until the engine has a place for the job; until its start, if that is not known.",
    ["kind"],
    buckets=_LONG,
)
FETCH = Histogram(
    "pfcon_job_fetch_seconds",
    "Time from a job's place until its start: fetching the image, making the container.",
    ["kind"],
    buckets=_LONG,
)
RUN = Histogram("pfcon_job_run_seconds", "Time from a job's start until its end.", ["kind"], buckets=_LONG)
BYTES_IN = Histogram("pfcon_job_input_bytes", "Size of a job's staged inputs.", ["kind"], buckets=_BYTES)
BYTES_OUT = Histogram("pfcon_job_output_bytes", "Size of an ended job's outputs.", ["kind"], buckets=_BYTES)

ENGINE_CALLS = Histogram(
    "pfcon_engine_call_seconds",
    "Time of a call to an engine, by call and outcome: ok, absent, refused, unreachable or error.",
    ["engine", "call", "outcome"],
    buckets=_SHORT,
)
DATABASE_FAILURES = Counter("pfcon_database_failures", "Transactions that have failed because of the database.")
