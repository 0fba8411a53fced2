"""Builds the command line of a plugin job."""

from collections.abc import Iterable, Iterator

from pfcon.models import INCOMING, OUTGOING, JobRequest, PluginType


def plugin_argv(request: JobRequest) -> tuple[str, ...]:
    """Return the command and its arguments.

    The argument after a flag of ``args_path_flags`` is replaced with the input directory. The last arguments are the
    input and the output directory for ``ds`` plugins, and only the output directory for ``fs`` and ``ts`` plugins.
    """
    tail = (str(INCOMING), str(OUTGOING)) if request.type is PluginType.DS else (str(OUTGOING),)
    return (*request.entrypoint, *_localized(request.args, request.args_path_flags), *tail)


def _localized(args: Iterable[str], path_flags: frozenset[str]) -> Iterator[str]:
    is_path = False
    for arg in args:
        yield str(INCOMING) if is_path else arg
        is_path = not is_path and arg in path_flags
