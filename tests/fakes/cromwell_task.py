"""Reads a submitted WDL document as Cromwell would: with a real parser (miniwdl), knowing nothing of its author."""

import textwrap
from dataclasses import dataclass
from typing import Any

import WDL


class InvalidWorkflow(Exception):
    """Why a document is no workflow that can be run."""


@dataclass(frozen=True)
class Task:
    """The one task that a workflow calls. ``command`` is the script, ``runtime`` the evaluated runtime attributes."""

    workflow: str
    name: str
    command: str
    runtime: dict[str, Any]


def read_task(source: str) -> Task:
    """Parse, check and evaluate. Raises InvalidWorkflow."""
    try:
        document = WDL.parse_document(source)
        document.typecheck()
    except (WDL.Error.SyntaxError, WDL.Error.ValidationError, WDL.Error.MultipleValidationErrors) as fault:
        raise InvalidWorkflow(str(fault)) from fault
    workflow = document.workflow
    if workflow is None or len(workflow.body) != 1 or not isinstance(workflow.body[0], WDL.Tree.Call):
        raise InvalidWorkflow("this stand-in runs workflows of one call")
    task = workflow.body[0].callee
    if not isinstance(task, WDL.Tree.Task):
        raise InvalidWorkflow("this stand-in runs workflows that call a task")
    library = WDL.StdLib.Base(document.wdl_version or "draft-2")
    nothing: Any = WDL.Env.Bindings()
    command = "".join(
        part if isinstance(part, str) else str(part.eval(nothing, library).value) for part in task.command.parts
    )
    runtime = {key: value.eval(nothing, library).json for key, value in task.runtime.items()}
    # Cromwell takes common indentation off, and blank lines at both ends (StringUtil.normalize).
    return Task(workflow.name, task.name, textwrap.dedent(command).strip("\n"), runtime)
