"""The lines of an export: a header, then one JSON object for each job, with the job's places in it.

Columns without a value are left out, and so is what only the service processes of that moment need: ``owner`` of a job,
``holder`` of a place. A job without an owner counts as interrupted, and the next service takes it over.
"""

import json
import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Integer, String
from sqlalchemy.sql.schema import ScalarElementColumnDefault

import pfcon
from pfcon.errors import Refused
from pfcon.models import JobId, JobSpec
from pfcon.records.rows import record_of, storable
from pfcon.records.schema import HEAD, jobs, places
from pfcon.records.versions import CURRENT
from pfcon.service_log import about

NAME = "pfcon_records"  # the key of the header
JOB_COLUMNS = tuple(column for column in jobs.c if column.name != "owner")
PLACE_COLUMNS = tuple(column for column in places.c if column.name not in ("id", "jid", "kind", "holder", "head"))

# Seconds since the epoch that the calendar has (years 1 to 9999), less a day for time zones and rounding.
EARLIEST, LATEST = -62_135_510_400, 253_402_214_400
MAX_EVENT = 1 << 53  # numbers of events are exact in JSON below this one

Row = dict[str, Any]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Header:
    """The first line. version: of the records. records: the number of lines that follow. pfcon: the release.

    last_event: the number of the newest event, which a database that continues these records must not use again.
    """

    version: int
    records: int
    pfcon: str = ""
    exported_at: str = ""
    last_event: int = 0


def header_line(records: int, last_event: int) -> str:
    """Return the first line of an export that is made now."""
    header = Header(CURRENT, records, pfcon.__version__, datetime.now(UTC).isoformat(timespec="seconds"), last_event)
    return json.dumps({NAME: asdict(header)})


def record_line(job: Mapping[Any, Any], of_job: Iterable[Mapping[Any, Any]]) -> str:
    """Return the line of a job and its places.

    A specification that can't be read becomes an empty one, with a warning in the log.
    """
    line = {column.name: job[column.name] for column in JOB_COLUMNS if job[column.name] is not None}
    try:
        line["spec"] = _without_environment(line["spec"], line["claim"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, Refused) as error:
        line["spec"] = ""
        log.warning(
            "the specification of job %s (%s) is damaged, and was exported as an empty one: %s",
            *(line["jid"], line["kind"], _reason(error)),
            extra=about(jid=line["jid"], kind=line["kind"]),
        )
    line["places"] = [{column.name: place[column.name] for column in PLACE_COLUMNS} for place in of_job]
    return json.dumps(line, ensure_ascii=False)


def _without_environment(text: str, claim: str) -> str:
    """Return a specification without the environment, which rows of earlier releases contain until the job ends.

    It is replaced by the name of a file that does not exist. So a job that the engine does not have yet is refused,
    rather than run without its environment. A job without an image is an operation beside the service, whose
    environment is the path of pfcon's own code.
    """
    if not text or not (spec := JobSpec.from_json(text)).env or not spec.image:
        return text
    return replace(spec, env=(), env_file=f"{spec.jid}+{claim}").to_json()


def parse_header(line: bytes) -> Header:
    """Parse the first line. Raises Refused for one of a newer release, or of another file."""
    try:
        raw = json.loads(line)[NAME]
        release, exported_at = str(raw.get("pfcon", "")), str(raw.get("exported_at", ""))
        header = Header(raw["version"], raw["records"], release, exported_at, raw.get("last_event", 0))
        if any(type(number) is not int for number in (header.version, header.records, header.last_event)):
            raise ValueError
        if header.version < 1 or not 0 <= header.last_event < MAX_EVENT:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refused("line 1: this file was not made by `pfcon records export`") from None
    if header.version > CURRENT:
        raise Refused(
            f"the file has records of version {header.version}, of pfcon {header.pfcon or 'of a newer release'}; this "
            f"pfcon {pfcon.__version__} supports versions up to {CURRENT}: import it with that release, or a newer one"
        )
    return header


def parse_record(line: bytes, number: int) -> tuple[Row, list[Row]]:
    """Parse a line; return the rows of the job and of its places. number: of the line, from 1.

    Columns that are missing become NULL. Raises Refused with the number of the line.
    """
    try:
        raw = json.loads(line)
        found = raw.pop("places", [])
        job = _row(raw, JOB_COLUMNS) | {"owner": None}
        if JobId.parse(job["jid"]) != job["jid"]:
            raise ValueError("jid begins with a slash")
        _ = record_of(job, owned=False).spec  # also checks kind, phase, status and times
        key = {"jid": job["jid"], "kind": job["kind"], "holder": None}
        return job, [{**row, **key, "head": row["path"][:HEAD]} for row in (_row(r, PLACE_COLUMNS) for r in found)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, OSError) as error:
        raise Refused(f"line {number}: this is not a valid record: {_reason(error)}") from None
    except Refused as error:
        raise Refused(f"line {number}: this is not a valid record: jid {error}") from None


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _row(raw: Row, columns: Iterable[Column[Any]]) -> Row:
    """Return the values of a table's row. Raises ValueError."""
    columns = tuple(columns)
    if unknown := raw.keys() - {column.name for column in columns}:
        raise ValueError(f"it has unknown columns: {', '.join(sorted(unknown))}")
    return storable({column.name: _value(raw.get(column.name), column) for column in columns})


def _value(value: Any, column: Column[Any]) -> Any:
    if value is None:
        if column.nullable:
            return None
        if isinstance(column.default, ScalarElementColumnDefault):
            return column.default.arg
        raise ValueError(f"{column.name} is missing")
    wanted = column.type.python_type
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise ValueError(f"{column.name} must be of type {wanted.__name__}")
    if not _fits(value, column):
        raise ValueError(f"{column.name} is out of range")
    return value


def _fits(value: Any, column: Column[Any]) -> bool:
    """Whether a value fits into a column of PostgreSQL, and a time into the calendar; SQLite accepts more."""
    if isinstance(column.type, String):
        return column.type.length is None or len(value) <= column.type.length
    if isinstance(column.type, Integer):
        bits = 63 if column.type.__visit_name__ == "big_integer" else 31
        return bool(-(2**bits) <= value < 2**bits)
    if column.name.endswith("_at"):
        return bool(EARLIEST <= value < LATEST)
    return not isinstance(value, float) or math.isfinite(value)
