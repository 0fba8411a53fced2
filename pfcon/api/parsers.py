"""Parses a form's strings to typed requests. InvalidFields lists all faults of a form together."""

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import TypeVar

from pfcon.compute.settings import MAX_TIME_LIMIT
from pfcon.errors import InvalidFields, PfconError
from pfcon.models import CopyRequest, JobId, JobRequest, PluginType, Resources, UploadRequest

T = TypeVar("T")

MAX_INT = 2**31 - 1
OPERATION_CPU, OPERATION_MEMORY = 1000, 300  # millicores, MiB: defaults of copy, upload and delete jobs
ENV_FAULT = 'must be a list of "key=value" strings'


class FieldReader:
    """Reads fields of a form and collects the faults of all of them in ``faults``."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self._fields = fields
        self.faults: dict[str, str] = {}

    def finish(self) -> None:
        """Check that all fields were valid. Raises InvalidFields otherwise."""
        for name, values in self._fields.items():
            if any("\x00" in value for value in values):
                self.faults[name] = "must not contain NUL characters"
        if self.faults:
            raise InvalidFields(self.faults)

    def texts(self, name: str, *, drop_empty: bool = False) -> tuple[str, ...]:
        """Return all values of a field that may be repeated. drop_empty: leave out empty values."""
        values = self._fields.get(name, [])
        return tuple(value for value in values if value or not drop_empty)

    def text(self, name: str) -> str:
        """Return the last value of a required field, or "" and a fault."""
        values = self._fields.get(name)
        if not values or not values[-1]:
            self.faults[name] = "field is required" if not values else "cannot be empty"
            return ""
        return values[-1]

    def number(
        self, name: str, least: int, default: int | None = None, *, most: int = MAX_INT, suffix: str = ""
    ) -> int:
        """Return a decimal integer from ``least`` to ``most``; without ``default``, the field is required.

        suffix: follows the range in the message of a fault.
        """
        if default is not None and not self._fields.get(name):
            return default
        text = self.text(name)
        if text and (not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most):
            self.faults[name] = f"must be an integer from {least} to {most}{suffix}, got {text[:40]!r}"
        return least if name in self.faults else int(text)

    def checked(self, name: str, value: str, check: Callable[[str], T], fallback: T) -> T:
        """Return ``check(value)``; if it raises PfconError or ValueError, record a fault and return ``fallback``."""
        if name in self.faults:
            return fallback
        try:
            return check(value)
        except (PfconError, ValueError) as error:
            self.faults[name] = str(error)
            return fallback


def parse_job(
    fields: dict[str, list[str]],
    *,
    innetwork: bool,
    needs_inputs: bool,
    lacks_upload: bool,
    longest: int | None = None,
) -> JobRequest:
    """Parse the fields of ``POST jobs/`` and ``POST pluginjobs/``. Raises InvalidFields.

    needs_inputs: whether an in-network request must name at least one input directory.
    lacks_upload: the request needs a zip and has none.
    longest: the site's time limit of jobs, in minutes; None if it has none.
    """
    reader = FieldReader(fields)
    if lacks_upload:
        reader.faults["data_file"] = "field is required"
    input_dirs, output_dir = _innetwork_paths(reader, needs_inputs) if innetwork else ((), None)
    entrypoint = reader.texts("entrypoint", drop_empty=True)
    if not entrypoint:
        reader.faults["entrypoint"] = "cannot be empty" if "entrypoint" in fields else "field is required"
    request = JobRequest(
        jid=_jid(reader),
        image=reader.text("image"),
        entrypoint=entrypoint,
        args=reader.texts("args"),
        # The clients' command lines send several flags in one value, separated by commas.
        args_path_flags=frozenset(
            flag for value in reader.texts("args_path_flags") for flag in value.split(",") if flag
        ),
        type=reader.checked("type", reader.text("type"), _plugin_type, PluginType.DS),
        auid=reader.text("auid"),
        number_of_workers=reader.number("number_of_workers", 1),
        cpu_limit=reader.number("cpu_limit", 1),
        memory_limit=reader.number("memory_limit", 1),
        gpu_limit=reader.number("gpu_limit", 0),
        env=_env(reader),
        input_dirs=input_dirs,
        output_dir=output_dir,
        time_limit=_time_limit(reader, longest),
    )
    reader.finish()
    return request


def _time_limit(reader: FieldReader, longest: int | None) -> int | None:
    """Return the job's own time limit in minutes; None if it has none, so that the site's is used."""
    if not reader.texts("time_limit"):
        return None
    most = longest or MAX_TIME_LIMIT
    suffix = " minutes (TIMELIMIT_MINUTES)" if longest else " minutes"
    return reader.number("time_limit", 1, most=most, suffix=suffix)


def _plugin_type(text: str) -> PluginType:
    if text not in set(PluginType):
        raise ValueError(f"must be one of {', '.join(PluginType)}, got {text[:40]!r}")
    return PluginType(text)


def _env(reader: FieldReader) -> tuple[tuple[str, str], ...]:
    pairs = []
    for item in reader.texts("env", drop_empty=True):
        name, separator, value = item.partition("=")
        if not separator or not name:
            reader.faults["env"] = ENV_FAULT
            return ()
        pairs.append((name, value))
    return tuple(pairs)


def _innetwork_paths(reader: FieldReader, needs_inputs: bool) -> tuple[tuple[PurePosixPath, ...], PurePosixPath]:
    input_dirs = reader.texts("input_dirs", drop_empty=True)
    if not input_dirs and needs_inputs:
        reader.faults["input_dirs"] = "field is required"
    output_dir = reader.text("output_dir")
    return (
        tuple(reader.checked("input_dirs", path, relative_path, PurePosixPath()) for path in input_dirs),
        reader.checked("output_dir", output_dir, relative_path, PurePosixPath()),
    )


def parse_copy(fields: dict[str, list[str]]) -> CopyRequest:
    """Parse the fields of ``POST copyjobs/``. Raises InvalidFields."""
    reader = FieldReader(fields)
    input_dirs, output_dir = _innetwork_paths(reader, needs_inputs=False)
    request = CopyRequest(
        jid=_jid(reader),
        input_dirs=input_dirs,
        output_dir=output_dir,
        cpu_limit=reader.number("cpu_limit", 1, OPERATION_CPU),
        memory_limit=reader.number("memory_limit", 1, OPERATION_MEMORY),
    )
    reader.finish()
    return request


def parse_delete(fields: dict[str, list[str]]) -> tuple[JobId, Resources]:
    """Parse the fields of ``POST deletejobs/``. Raises InvalidFields."""
    reader = FieldReader(fields)
    jid = _jid(reader)
    limits = Resources(
        cpu=reader.number("cpu_limit", 1, OPERATION_CPU), memory=reader.number("memory_limit", 1, OPERATION_MEMORY)
    )
    reader.finish()
    return jid, limits


def parse_upload(fields: dict[str, list[str]]) -> UploadRequest:
    """Parse the fields of ``POST uploadjobs/``. Raises InvalidFields."""
    reader = FieldReader(fields)
    path = reader.text("job_output_path")
    request = UploadRequest(
        jid=_jid(reader),
        job_output_path=reader.checked("job_output_path", path, relative_path, PurePosixPath()),
        cpu_limit=reader.number("cpu_limit", 1, OPERATION_CPU),
        memory_limit=reader.number("memory_limit", 1, OPERATION_MEMORY),
    )
    reader.finish()
    return request


def _jid(reader: FieldReader) -> JobId:
    return reader.checked("jid", reader.text("jid"), JobId.parse, JobId(""))


def relative_path(text: str) -> PurePosixPath:
    """Return a path relative to the storage root, without leading and trailing ``/``. Raises ValueError."""
    path = text.strip("/")
    if not path or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError(f"must be a path below the storage root without '.' and '..', got {text[:200]!r}")
    return PurePosixPath(path)
