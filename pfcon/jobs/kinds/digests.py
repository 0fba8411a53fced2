"""Digests that identify requests: the same job that is posted again is not run twice."""

import hashlib
import json

from pfcon.models import InputRequest, JobRequest


def request_digest(request: JobRequest, inputs: str) -> str:
    """Return a hex digest that identifies a request: what is run, on which data (``inputs``: a plan's digest).

    It does not include values of the environment: a client that repeats its request may send a new user token. It
    includes the time limit that the client sent, not the site's, which may change between two requests.
    """
    time_limit = () if request.time_limit is None else (request.time_limit,)  # without it, as in earlier releases
    fields = [
        request.image,
        request.entrypoint,
        request.args,
        sorted(request.args_path_flags),
        request.type.value,
        [request.number_of_workers, request.cpu_limit, request.memory_limit, request.gpu_limit, *time_limit],
        sorted(name for name, _ in request.env),
        [str(path) for path in request.input_dirs],
        str(request.output_dir or ""),
        inputs,
    ]
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


def copy_digest(request: InputRequest) -> str:
    """Return a hex digest that identifies a copy: its inputs, and its output directory, to which no link may lead."""
    fields = [[str(path) for path in request.input_dirs], str(request.output_dir)]
    return hashlib.sha256(json.dumps(fields).encode("utf-8", "surrogatepass")).hexdigest()
