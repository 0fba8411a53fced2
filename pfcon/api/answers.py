"""The JSON that clients get. The resources return these types, and the OpenAPI document is made from them."""

from typing import Annotated, TypedDict

from pfcon.about import TIME, About, Created, ExitCode, Finished, Placed, ReasonCode, Started
from pfcon.events.form import JobEvent
from pfcon.models import JobKind, JobStatus

Jid = Annotated[str, About("the id of the job, chosen by the client")]
Message = Annotated[str, About("why the job has its status, in words for users")]
Node = Annotated[str, About("the machine that runs it; of several workers, the names, separated by commas")]
Digest = Annotated[str, About("of the image that runs: sha256:...")]
Mib = Annotated[int | None, About("the largest memory use, in MiB, rounded up")]


class Error(TypedDict):
    """Every error."""

    message: Annotated[str | dict[str, str], About("a text, or texts by the names of the wrong fields")]


class Health(TypedDict):
    """The service runs."""

    health: Annotated[str, About("OK")]


class Part(TypedDict):
    """Whether a part of the service works."""

    ok: bool
    ms: Annotated[int, About("how long its answer took, in milliseconds")]
    message: str


class Credentials(TypedDict):
    """Who asks for a token."""

    pfcon_user: str
    pfcon_password: str


class Token(TypedDict):
    """A token, valid for two days."""

    token: str


class ComputeObject(TypedDict):
    """The state of a job. A later release may add keys. Unknown texts are empty, unknown numbers null."""

    jid: Jid
    image: str
    cmd: Annotated[str, About("the command, quoted for a shell")]
    status: JobStatus
    message: Message
    timestamp: Finished
    logs: Annotated[str, About("the end of the log; empty in the answer to a POST")]
    created: Created
    placed: Placed
    started: Started
    finished: Finished
    reason: ReasonCode
    exit_code: ExitCode
    node: Node
    image_digest: Digest
    max_memory_mib: Mib


class JobState(TypedDict):
    """A job."""

    compute: ComputeObject


class StagedInputs(TypedDict):
    """What was staged."""

    jid: Jid
    nfiles: int
    timestamp: Annotated[str, About("when the inputs were complete", TIME)]
    path: Annotated[str, About("the directory of the inputs, as the service sees it")]


class PostedJob(TypedDict):
    """A new job, or the one that the same request has made before."""

    data: StagedInputs
    compute: ComputeObject


class NoData(TypedDict):
    """An empty object."""


class PostedOperation(TypedDict):
    """A new copy, upload or delete job, or the one that the same request has made before."""

    data: NoData
    compute: ComputeObject


class Outputs(TypedDict):
    """The files of a directory of the users' files."""

    job_output_path: str
    rel_file_paths: Annotated[list[str], About("relative to job_output_path")]


class OutputFileObject(TypedDict):
    """An output file."""

    path: Annotated[str, About("relative to the directory of the outputs")]
    bytes: int


class OutputFilesObject(TypedDict):
    """The output files of a plugin job: their names and sizes."""

    files: Annotated[list[OutputFileObject], About("at most 1,000, by their paths")]
    more: Annotated[bool, About("whether there are, or may be, more")]
    path: Annotated[str, About("the directory among the users' files; empty if they are in the job's own directory")]
    zip: Annotated[bool, About("whether pluginjobs/<jid>/file/ without a path answers with all of them")]


class JobCount(TypedDict):
    """How many jobs have this kind, status and reason."""

    kind: JobKind
    status: JobStatus
    reason: ReasonCode
    number: int


class JobCounts(TypedDict):
    """How many jobs are recorded."""

    counts: list[JobCount]


class RecordObject(TypedDict):
    """What pfcon has recorded of a job. Unknown texts are empty, unknown numbers null."""

    jid: Jid
    kind: JobKind
    status: JobStatus
    message: Message
    reason: ReasonCode
    image: Annotated[str, About("of plugin jobs, once their inputs are staged")]
    owner: Annotated[str, About("the user in ChRIS; of plugin jobs, once their inputs are staged")]
    created: Created
    staged: Annotated[str, About("when its inputs were complete", TIME)]
    placed: Placed
    started: Started
    finished: Finished
    exit_code: ExitCode
    node: Node
    image_digest: Digest
    max_memory_mib: Mib
    cpu_seconds: Annotated[float | None, About("CPU time of all its processes")]
    files_in: Annotated[int, About("files that were staged")]
    bytes_in: int | None
    files_out: Annotated[int | None, About("files in the output directory at the end, or delivered by an upload job")]
    bytes_out: int | None


class RecordsPage(TypedDict):
    """One page of the records, newest first."""

    records: list[RecordObject]
    next: Annotated[str | None, About("the cursor of the next page; null at the end of the list")]


class RecordsOfOneJob(TypedDict):
    """The records of all kinds of a jid, newest first."""

    jid: Jid
    records: list[RecordObject]


class ResetEvent(TypedDict):
    """Sent if events may be missing: ask for the present state of the jobs."""

    id: int
    message: str


EVENTS = {"job": JobEvent, "reset": ResetEvent}
"""The JSON in ``data`` of the events of a stream, by the names of the events."""


class LogEvent(TypedDict):
    """Lines of a log, or a piece of a line of more than 64 KiB."""

    text: Annotated[str, About("with the end of each line; bytes that are no valid UTF-8, and NUL, are replaced")]


class GapEvent(TypedDict):
    """Bytes of a log are left out here."""

    bytes: int


class StatusEvent(TypedDict):
    """The state of the job whose log is followed: at the beginning, and at each change."""

    status: Annotated[str, About("the status of a job, or removed")]
    reason: ReasonCode
    message: Message


class EndEvent(StatusEvent):
    """The last event of a log: the job has ended, or was removed."""

    exit_code: ExitCode


LOG_EVENTS = {"log": LogEvent, "gap": GapEvent, "status": StatusEvent, "end": EndEvent}
"""The JSON in ``data`` of the events of a log, by the names of the events."""
