"""A plugin job's command line."""

from collections.abc import Iterable, Iterator

from pfcon.models import INCOMING, OUTGOING, JobRequest, PluginType


def plugin_argv(request: JobRequest) -> tuple[str, ...]:
    """The words that run a plugin.

    A flag of ``args_path_flags`` has its next argument replaced with the input directory. ``ds`` plugins get
    the input and the output directory as last words, ``fs`` and ``ts`` plugins the output directory alone.
    """
    tail = (str(INCOMING), str(OUTGOING)) if request.type is PluginType.DS else (str(OUTGOING),)
    return (*request.entrypoint, *_localized(request.args, request.args_path_flags), *tail)


def _localized(args: Iterable[str], path_flags: frozenset[str]) -> Iterator[str]:
    is_path = False
    for arg in args:
        yield str(INCOMING) if is_path else arg
        is_path = not is_path and arg in path_flags
