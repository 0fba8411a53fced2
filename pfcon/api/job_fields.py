"""The forms that clients ``POST``, and their fields: for the parsers and for the OpenAPI document."""

from pfcon.api.fields import File, Form, Number, Text
from pfcon.compute.settings import MAX_TIME_LIMIT
from pfcon.models import PluginType
from pfcon.models.identity import JID_MAX_LENGTH, JID_PATTERN

OPERATION_CPU, OPERATION_MEMORY = 1000, 300  # millicores, MiB: defaults of copy, upload and delete jobs
_PART = r"(?!\.\.?(?:/|$))[^/\u0000]+"
PATH_PATTERN = f"^/*{_PART}(?:/{_PART})*/*$"
"""A path below the root of the users' files; the parser strips the ``/`` around it."""

JID = Text(name="jid", about="the id of the job, chosen by the client", pattern=JID_PATTERN, longest=JID_MAX_LENGTH)
IMAGE = Text(name="image", about="the container image")
ENTRYPOINT = Text(
    name="entrypoint", about="the words of the command; one field for each word", repeated=True, empty="dropped"
)
ARGS = Text(
    name="args", about="further words of the command; one field for each", required=False, repeated=True, empty="kept"
)
ARGS_PATH_FLAGS = Text(
    name="args_path_flags",
    about="flags whose next argument is replaced with the directory of the inputs",
    required=False,
    repeated=True,
    empty="dropped",
)
TYPE = Text(
    name="type",
    about="ds has inputs and outputs, fs and ts have outputs only",
    choices=PluginType,
)
AUID = Text(name="auid", about="the user in ChRIS")
NUMBER_OF_WORKERS = Number(name="number_of_workers", about="how many times the command runs side by side", least=1)
CPU_LIMIT = Number(name="cpu_limit", about="millicores", least=1)
MEMORY_LIMIT = Number(name="memory_limit", about="MiB", least=1)
GPU_LIMIT = Number(name="gpu_limit", about="GPUs of each worker", least=0)
TIME_LIMIT = Number(
    name="time_limit",
    about="minutes, at most TIMELIMIT_MINUTES of the service",
    required=False,
    least=1,
    highest=MAX_TIME_LIMIT,
)
ENV = Text(
    name="env",
    about="a variable of the job's environment as key=value; one field for each",
    required=False,
    repeated=True,
    empty="dropped",
    pattern="^[^=\\u0000]+=[^\\u0000]*$",
)
INPUT_DIRS = Text(
    name="input_dirs",
    about="paths of the users' files that are the inputs; one field for each. "
    "Not with the storage zipfile, whose inputs are in data_file",
    required=False,
    repeated=True,
    empty="dropped",
    pattern=PATH_PATTERN,
)
OUTPUT_DIR = Text(
    name="output_dir",
    about="the path of the users' files where the outputs go; required, but not with the storage zipfile",
    required=False,
    pattern=PATH_PATTERN,
)
COPY_OUTPUT_DIR = Text(
    name="output_dir", about="the path of the users' files where the outputs go", pattern=PATH_PATTERN
)
JOB_OUTPUT_PATH = Text(
    name="job_output_path", about="the path of the users' files to which the outputs are uploaded", pattern=PATH_PATTERN
)
DATA_FILE = File(
    name="data_file",
    about="the zip of the inputs; required with the storage zipfile",
    required=False,
    media_type="application/zip",
)
OPERATION_CPU_LIMIT = Number(name="cpu_limit", about="millicores", required=False, least=1, default=OPERATION_CPU)
OPERATION_MEMORY_LIMIT = Number(name="memory_limit", about="MiB", required=False, least=1, default=OPERATION_MEMORY)
LISTED_OUTPUT_PATH = Text(
    name="job_output_path",
    about="the path of the users' files whose files are listed; required, but not with the storage zipfile",
    required=False,
    pattern=PATH_PATTERN,
)

PLUGIN_FORM = Form(
    (
        *(JID, IMAGE, ENTRYPOINT, ARGS, ARGS_PATH_FLAGS, TYPE, AUID, NUMBER_OF_WORKERS, CPU_LIMIT, MEMORY_LIMIT),
        *(GPU_LIMIT, TIME_LIMIT, ENV, DATA_FILE, INPUT_DIRS, OUTPUT_DIR),
    )
)
COPY_FORM = Form((JID, INPUT_DIRS, COPY_OUTPUT_DIR, OPERATION_CPU_LIMIT, OPERATION_MEMORY_LIMIT))
UPLOAD_FORM = Form((JID, JOB_OUTPUT_PATH, OPERATION_CPU_LIMIT, OPERATION_MEMORY_LIMIT))
DELETE_FORM = Form((JID, OPERATION_CPU_LIMIT, OPERATION_MEMORY_LIMIT))
FILE_PARAMETERS = Form((LISTED_OUTPUT_PATH,))
