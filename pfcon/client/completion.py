"""``pfcon completion``: a script that completes the words of pfcon in bash and zsh, made from the parser itself."""

import argparse
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

SHELLS = ("bash", "zsh")
_TEMPLATE = """\
# Completion of pfcon for {shell}. Made by: pfcon completion {shell}
{begin}_pfcon() {{
    local cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}" at="" words="" word i
    local IFS=$' \\t\\n'
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${{COMP_WORDS[i]}}"
        [ "$word" = "--" ] && return 0
        case "$at/$word" in
{moves}
        esac
    done
    case "$at/$prev" in
{values}
    esac
    case "$at" in
{words}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -F _pfcon pfcon
"""
_BEGIN_ZSH = "autoload -U +X compinit bashcompinit\ncompinit -i\nbashcompinit\n"
_PATHS = """IFS=$'\\n'; COMPREPLY=($(compgen -{letter} -- "$cur")); compopt -o filenames 2>/dev/null; return 0"""
_CHOICES = """COMPREPLY=($(compgen -W {words} -- "$cur")); return 0"""
_SEVERAL = """COMPREPLY=($(compgen -W {words} -P "${{cur%"${{cur##*,}}"}}" -- "${{cur##*,}}")); return 0"""
_FREE = "return 0"


@dataclass
class _Command:
    """A command: its words joined by ``/``, what may follow, and its options with values."""

    path: str
    words: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)  # what the shell does, by option


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script of a shell, one of SHELLS, for a parser and its subparsers."""
    commands = list(_commands(parser, ""))
    moves = [f"{command.path}/{name}" for command in commands for name in command.below]
    values = [f"{command.path}/{option}) {do} ;;" for command in commands for option, do in command.values.items()]
    words = [f'"{command.path}") words={shlex.quote(" ".join(command.words))} ;;' for command in commands]
    return _TEMPLATE.format(
        shell=shell,
        begin=_BEGIN_ZSH if shell == "zsh" else "",
        moves=_indented([f"{move}) at={move} ;;" for move in moves], 12),
        values=_indented(values, 8),
        words=_indented(words, 8),
    )


def _indented(lines: list[str], by: int) -> str:
    return "\n".join(" " * by + line for line in lines)


def _commands(parser: argparse.ArgumentParser, path: str) -> Iterator[_Command]:
    """Yield the commands of a parser, the parser itself first."""
    command, below = _Command(path), list[tuple[str, argparse.ArgumentParser]]()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            below += action.choices.items()
            command.below += action.choices
            command.words += action.choices
        elif action.option_strings:
            command.words += action.option_strings
            if action.nargs != 0:
                command.values |= dict.fromkeys(action.option_strings, _completed(action))
        elif action.choices:
            command.words += map(str, action.choices)
    yield command
    for name, parser_below in below:
        yield from _commands(parser_below, f"{path}/{name}")


def _quoted(words: Iterable[object]) -> str:
    return shlex.quote(" ".join(map(str, words)))


def _completed(action: argparse.Action) -> str:
    """Return what the shell does for the value of an option."""
    if action.choices:
        return _CHOICES.format(words=_quoted(action.choices))
    if several := getattr(action.type, "known", None):  # separated by commas
        return _SEVERAL.format(words=_quoted(several))
    if action.metavar in ("DIR", "FILE"):
        return _PATHS.format(letter="d" if action.metavar == "DIR" else "f")
    return _FREE
