"""A Cromwell server over HTTP on loopback, which really runs what it is given.

Paths, parameters, codes and the forms of answers are those of Cromwell's manual ("REST API", "Error handling",
"Labels", "Workflow options"); so is what surprises: a workflow is neither told of nor found by a query at once, abort
says 404 for one that has ended, and a document that is no WDL is taken, and fails later.
"""

import threading
import time
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from .cromwell_api import make_app
from .cromwell_backend import TaskRun
from .cromwell_task import InvalidWorkflow, Task, read_task
from .cromwell_workflow import TERMINAL, Workflow, now


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: it would be another test's stderr."""


class FakeCromwell:
    """The server; a context manager. ``root``: its backend's directory of executions. lag, grace, minute: seconds.

    ``held``: what is submitted stays so. ``ignored``: attributes that the site's backend does not use, or "workdir".
    ``faults``: codes that the next requests are answered with, unheard; 0 for one that is served.
    ``deaf_submits``: as many submissions are taken and answered with 503. ``requests``: what was asked, as
    (method, path).
    """

    def __init__(
        self,
        root: Path,
        *,
        lag: float = 0.15,
        grace: float = 2,
        backends: tuple[str, ...] = ("pfcon",),
        minute: float = 60,
    ) -> None:
        self.root = root
        self.lag = lag
        self.grace = grace
        self.minute = minute
        self.backends = backends
        self.held = False
        self.ignored: set[str] = set()
        self.faults: list[int] = []
        self.deaf_submits = 0
        self.requests: list[tuple[str, str]] = []
        self.workflows: dict[str, Workflow] = {}
        self._cache: set[str] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._server = make_server("127.0.0.1", 0, make_app(self), threaded=True, request_handler=_Quiet)
        self._serving = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        """For CROMWELL_URL."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "FakeCromwell":
        self._serving.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._serving.join()
        self._server.server_close()
        for workflow in list(self.workflows.values()):
            self.abort(workflow)
        for thread in self._threads:
            thread.join()

    def accept(self, workflow: Workflow) -> None:
        """Take a workflow; it goes on by itself."""
        thread = threading.Thread(target=self._drive, args=(workflow,))
        with self._lock:
            self.workflows[workflow.id] = workflow
            self._threads.append(thread)
        thread.start()

    def abort(self, workflow: Workflow) -> bool:
        """Begin to end a workflow; False when it has ended."""
        with self._lock:
            if workflow.status in TERMINAL:
                return False
            workflow.status = "Aborting"
            workflow.aborting.set()
        return True

    def _drive(self, workflow: Workflow) -> None:
        while (self.held or time.monotonic() < workflow.accepted + 0.05) and not workflow.aborting.is_set():
            workflow.aborting.wait(0.02)
        if workflow.aborting.is_set():
            self._finish(workflow, "Aborted")
            return
        workflow.start = now()
        try:
            task = self._materialize(workflow)
        except InvalidWorkflow as fault:
            workflow.fail("Workflow input processing failed", str(fault))
            self._finish(workflow, "Failed")
            return
        if task.command in self._cache and workflow.options.get("read_from_cache", True):
            self._finish(workflow, "Succeeded")
        else:
            self._run(workflow, task)

    def _materialize(self, workflow: Workflow) -> Task:
        task = read_task(workflow.source)
        workflow.name, workflow.task = task.workflow, task.name
        backend = workflow.options.get("backend", self.backends[0])
        if backend not in self.backends:
            raise InvalidWorkflow(
                f"Backend for call {task.workflow}.{task.name} ('{backend}') not registered in configuration file"
            )
        return task

    def _run(self, workflow: Workflow, task: Task) -> None:
        for name in self.ignored:
            task.runtime.pop(name, None)
        run = TaskRun(task, self.root / workflow.name / workflow.id, self.grace, self.minute)
        run.tells_workdir = "workdir" not in self.ignored
        files = {name: str(run.directory / name) for name in ("stdout", "stderr")}
        workflow.call = {"attempt": 1, "shardIndex": -1, "start": now(), "executionStatus": "Running", **files}
        run.start()
        with self._lock:
            workflow.run = run
            if not workflow.aborting.is_set():
                workflow.status = "Running"
        code = run.wait(workflow.aborting)
        workflow.call |= {"end": now(), "executionStatus": "Done" if code == 0 else "Failed"}
        if code is not None:
            workflow.call["returnCode"] = code
        if code == 0 and workflow.options.get("write_to_cache", True):
            self._cache.add(task.command)
        if code and not workflow.aborting.is_set():
            job = f"{workflow.name}.{workflow.task}:NA:1"
            why = f"exited with return code {code} which has not been declared as a valid return code"
            workflow.fail("Workflow failed", f"Job {job} {why}. See 'continueOnReturnCode' runtime attribute.")
        self._finish(workflow, "Aborted" if workflow.aborting.is_set() else "Failed" if code else "Succeeded")

    def _finish(self, workflow: Workflow, status: str) -> None:
        with self._lock:
            workflow.end, workflow.status = now(), status
