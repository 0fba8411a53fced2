"""Parses a form's strings to typed requests. InvalidFields lists all faults of a form together."""

from pathlib import PurePosixPath

from pfcon.api import job_fields as known
from pfcon.api.field_reader import FieldReader
from pfcon.api.fields import Field
from pfcon.models import CopyRequest, JobId, JobRequest, PluginType, Resources, UploadRequest

ENV_FAULT = 'must be a list of "key=value" strings'


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
    reader = FieldReader(fields, known.PLUGIN_FORM)
    if lacks_upload:
        reader.faults[known.DATA_FILE.name] = "field is required"
    input_dirs, output_dir = _innetwork_paths(reader, known.OUTPUT_DIR, needs_inputs) if innetwork else ((), None)
    entrypoint = reader.texts(known.ENTRYPOINT)
    if not entrypoint:
        reader.faults[known.ENTRYPOINT.name] = (
            "cannot be empty" if reader.has(known.ENTRYPOINT) else "field is required"
        )
    request = JobRequest(
        jid=_jid(reader),
        image=reader.text(known.IMAGE),
        entrypoint=entrypoint,
        args=reader.texts(known.ARGS),
        # The clients' command lines send several flags in one value, separated by commas.
        args_path_flags=frozenset(
            flag for value in reader.texts(known.ARGS_PATH_FLAGS) for flag in value.split(",") if flag
        ),
        type=reader.checked(known.TYPE, reader.text(known.TYPE), _plugin_type, PluginType.DS),
        auid=reader.text(known.AUID),
        number_of_workers=reader.number(known.NUMBER_OF_WORKERS),
        cpu_limit=reader.number(known.CPU_LIMIT),
        memory_limit=reader.number(known.MEMORY_LIMIT),
        gpu_limit=reader.number(known.GPU_LIMIT),
        env=_env(reader),
        input_dirs=input_dirs,
        output_dir=output_dir,
        time_limit=_time_limit(reader, longest),
    )
    reader.finish()
    return request


def _time_limit(reader: FieldReader, longest: int | None) -> int | None:
    """Return the job's own time limit in minutes; None if it has none, so that the site's is used."""
    if not reader.has(known.TIME_LIMIT):
        return None
    suffix = " minutes (TIMELIMIT_MINUTES)" if longest else " minutes"
    return reader.number(known.TIME_LIMIT, most=longest, suffix=suffix)


def _plugin_type(text: str) -> PluginType:
    if text not in set(PluginType):
        raise ValueError(f"must be one of {', '.join(PluginType)}, got {text[:40]!r}")
    return PluginType(text)


def _env(reader: FieldReader) -> tuple[tuple[str, str], ...]:
    pairs = []
    for item in reader.texts(known.ENV):
        name, separator, value = item.partition("=")
        if not separator or not name:
            reader.faults[known.ENV.name] = ENV_FAULT
            return ()
        pairs.append((name, value))
    return tuple(pairs)


def _innetwork_paths(
    reader: FieldReader, field: Field, needs_inputs: bool
) -> tuple[tuple[PurePosixPath, ...], PurePosixPath]:
    """Return the paths of the inputs, and that of the outputs, which ``field`` has."""
    input_dirs = reader.texts(known.INPUT_DIRS)
    if not input_dirs and needs_inputs:
        reader.faults[known.INPUT_DIRS.name] = "field is required"
    output_dir = reader.text(field)
    return (
        tuple(reader.checked(known.INPUT_DIRS, path, relative_path, PurePosixPath()) for path in input_dirs),
        reader.checked(field, output_dir, relative_path, PurePosixPath()),
    )


def parse_copy(fields: dict[str, list[str]]) -> CopyRequest:
    """Parse the fields of ``POST copyjobs/``. Raises InvalidFields."""
    reader = FieldReader(fields, known.COPY_FORM)
    input_dirs, output_dir = _innetwork_paths(reader, known.COPY_OUTPUT_DIR, needs_inputs=False)
    request = CopyRequest(
        jid=_jid(reader),
        input_dirs=input_dirs,
        output_dir=output_dir,
        cpu_limit=reader.number(known.OPERATION_CPU_LIMIT),
        memory_limit=reader.number(known.OPERATION_MEMORY_LIMIT),
    )
    reader.finish()
    return request


def parse_delete(fields: dict[str, list[str]]) -> tuple[JobId, Resources]:
    """Parse the fields of ``POST deletejobs/``. Raises InvalidFields."""
    reader = FieldReader(fields, known.DELETE_FORM)
    jid = _jid(reader)
    limits = Resources(cpu=reader.number(known.OPERATION_CPU_LIMIT), memory=reader.number(known.OPERATION_MEMORY_LIMIT))
    reader.finish()
    return jid, limits


def parse_upload(fields: dict[str, list[str]]) -> UploadRequest:
    """Parse the fields of ``POST uploadjobs/``. Raises InvalidFields."""
    reader = FieldReader(fields, known.UPLOAD_FORM)
    path = reader.text(known.JOB_OUTPUT_PATH)
    request = UploadRequest(
        jid=_jid(reader),
        job_output_path=reader.checked(known.JOB_OUTPUT_PATH, path, relative_path, PurePosixPath()),
        cpu_limit=reader.number(known.OPERATION_CPU_LIMIT),
        memory_limit=reader.number(known.OPERATION_MEMORY_LIMIT),
    )
    reader.finish()
    return request


def _jid(reader: FieldReader) -> JobId:
    return reader.checked(known.JID, reader.text(known.JID), JobId.parse, JobId(""))


def relative_path(text: str) -> PurePosixPath:
    """Return a path relative to the storage root, without leading and trailing ``/``. Raises ValueError."""
    path = text.strip("/")
    if not path or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError(f"must be a path below the storage root without '.' and '..', got {text[:200]!r}")
    return PurePosixPath(path)
