"""The journal's tables. ``migrations`` brings the tables of an earlier release to this form."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text, text

from pfcon.records.list_indexes import add_list_indexes

metadata = MetaData()
NUMBER = BigInteger().with_variant(Integer, "sqlite")  # of events; SQLite's INTEGER PRIMARY KEY needs no index

jobs = Table(
    "jobs",
    metadata,
    Column("jid", String(128), primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("claim", String(32), nullable=False),  # new with every owner: a condition of all updates
    Column("owner", String(32)),  # the service process that acts on the job now, or NULL
    Column("phase", String(10), nullable=False),
    Column("request", String(64), nullable=False),
    Column("spec", Text, nullable=False, default=""),
    Column("status", String(24), nullable=False),
    Column("message", Text, nullable=False, default=""),
    Column("logs", Text, nullable=False, default=""),
    Column("finished_at", Float),  # seconds since the epoch
    Column("nfiles", Integer, nullable=False, default=0),
    Column("notes", Text, nullable=False, default=""),  # lines: which inputs were left out, and why
    Column("with_data", Boolean, nullable=False, default=True),  # whether the removal deletes the job's data, too
    Column("changed_at", Float, nullable=False),
    Column("auid", Text),  # ChRIS user
    Column("image", Text),
    Column("image_digest", String(100)),  # of the image that ran, where the engine reports it
    # Times in seconds since the epoch. created_at is 0 in a row that an earlier release has made.
    Column("created_at", Float, nullable=False, default=0.0, server_default=text("0")),
    Column("staged_at", Float),
    Column("placed_at", Float),
    Column("started_at", Float),
    Column("exit_code", Integer),
    Column("reason", String(32)),
    Column("cancel_request", String(32)),  # the attempt that a client has cancelled: see record.py
    Column("node", Text),
    Column("max_memory", BigInteger),  # bytes
    Column("cpu_seconds", Float),
    Column("bytes_in", BigInteger),  # of the staged inputs; their number is ``nfiles``
    Column("files_out", BigInteger),
    Column("bytes_out", BigInteger),
    Index("jobs_by_phase", "phase"),
)
add_list_indexes(jobs)

HEAD = 400  # characters of a path that are indexed: at most 1600 bytes; PostgreSQL's limit is 2704

places = Table(  # see places.py
    "places",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("jid", String(128), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("request", String(128), nullable=False),  # one attempt of a job: see request_id
    Column("holder", String(32)),  # the service process that is asking the engine for the job, or NULL
    Column("head", String(HEAD).with_variant(String(HEAD, collation="C"), "postgresql"), nullable=False),
    Column("path", Text, nullable=False),
    Column("writable", Boolean, nullable=False),
    Index("places_by_head", "head"),
    Index("places_by_job", "jid", "kind"),
    Index("places_by_request", "request"),
)

versions = Table(  # one row: which releases can use these tables; see versions.py
    "schema_info",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("readable_by", Integer, nullable=False),
)

records_id = Table(  # one row: see in_use.py
    "records_id",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("value", String(32), nullable=False),  # of this database; a restored one has it, too
)

services = Table(
    "services",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("expires_at", Float, nullable=False),
    Column("host", String(100), nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("started", BigInteger, nullable=False),
)

leader = Table(  # one row: see leader.py
    "leader",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("holder", String(32), nullable=False),  # the service process that watches all jobs
    Column("beat", BigInteger, nullable=False),
    Column("rounds", Text, nullable=False),  # JSON: by kind of job, the number of rounds and claims
)

events = Table(  # see events.py
    "events",
    metadata,
    Column("id", NUMBER, primary_key=True, autoincrement=False),  # from event_counter
    Column("jid", String(128), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("status", String(24), nullable=False),  # a JobStatus, or REMOVED
    Column("message", Text, nullable=False),
    Column("reason", String(32)),
    Column("exit_code", Integer),
    Column("created_at", Float),  # times in seconds since the epoch, as of jobs
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("at", Float, nullable=False),  # of the event
    Column("placed_at", Float),
    Index("events_by_job", "jid", "kind", "id"),
)

event_counter = Table(  # one row
    "event_counter",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("last", BigInteger, nullable=False),  # the number of the newest event
    Column("deleted", BigInteger, nullable=False),  # events up to this number may have been deleted
)

webhook = Table(  # one row, once a webhook is configured: see outbox.py
    "webhook",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("handled", BigInteger, nullable=False),  # up to this event, all are delivered or in webhook_retries
    Column("owner", String(32)),  # the service process that delivers, or NULL
    Column("used_at", Float, nullable=False),  # seconds since the epoch: when a service last had the setting
)

webhook_retries = Table(
    "webhook_retries",
    metadata,
    Column("event", NUMBER, primary_key=True, autoincrement=False),
    Column("jid", String(128), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Float, nullable=False),
    Index("webhook_retries_by_jid", "jid", "event"),
    Index("webhook_retries_by_time", "next_at"),
)
