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
    calls = document.workflow.body if document.workflow else []
    if len(calls) != 1 or not isinstance(calls[0], WDL.Call):
        raise InvalidWorkflow("this stand-in runs workflows of one call")
    task = calls[0].callee
    library = WDL.StdLib.Base(document.wdl_version or "draft-2")
    nothing: Any = WDL.Env.Bindings()
    command = "".join(
        part if isinstance(part, str) else str(part.eval(nothing, library).value) for part in task.command.parts
    )
    runtime = {key: value.eval(nothing, library).json for key, value in task.runtime.items()}
    # Cromwell takes common indentation off, and blank lines at both ends (StringUtil.normalize).
    return Task(document.workflow.name, task.name, textwrap.dedent(command).strip("\n"), runtime)
