"""What a job gets of its command and environment, after WDL and a shell had them in their hands."""

import json
import shutil
import subprocess
import sys
from pathlib import PurePosixPath

import pytest
import WDL
from fakes.cromwell_task import read_task
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pfcon.compute.cromwell import spec as wdl
from pfcon.compute.cromwell.quoting import shell_word, wdl_string
from pfcon.errors import Refused
from pfcon.models import JobId, JobKind, JobSpec

ROOT = PurePosixPath("/srv/storebase")
DUMP = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"
SHELLS = [name for name in ("sh", "bash", "dash", "busybox") if shutil.which(name)]

nasty = st.sampled_from(["~{", "${", "$(", "`", ">>>", "<<<", "\\", "'", '"', "\n", "\r\n", "%", "#", "  ", "~", "{"])
texts = st.lists(nasty | st.text(st.characters(codec="utf-8", exclude_characters="\0")), max_size=6).map("".join)
pieces = st.sampled_from(["~{", "${", "\\", '"', "'", "\\u0041", "{", "~", "$"])
lines = st.lists(pieces | st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])), max_size=6).map("".join)
names = st.text("ABCXYZ_abc019.-", min_size=1, max_size=8).map("V".__add__)


def arrives(shell: str, argv: list[str], env: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """What a command is given, read from its WDL by a real parser and run by a real shell."""
    command = (sys.executable, "-c", DUMP, *argv)
    spec = JobSpec("j", JobId("j"), JobKind.PLUGIN, "image", command, tuple(env.items()))
    script = read_task(wdl.document(spec, ROOT, 60)).command
    words = ["busybox", "sh"] if shell == "busybox" else [shell]
    found = subprocess.run([*words, "-c", script], env={}, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    got_argv, got_env = json.loads(found.stdout)
    return got_argv, {key: value for key, value in got_env.items() if key in env}


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(argv=st.lists(texts, max_size=4), env=st.dictionaries(names, texts, max_size=4))
def test_words_and_variables_arrive_as_they_were(shell: str, argv: list[str], env: dict[str, str]) -> None:
    assert arrives(shell, argv, env) == (argv, env)


@pytest.mark.parametrize("shell", SHELLS)
def test_variables_that_shells_keep_for_themselves_arrive(shell: str) -> None:
    env = {"UID": "7", "IFS": "x", "PPID": "8", "OPTIND": "a", "PS4": "$(id)", "BASH_ENV": "/nonexistent", "-x": "y"}
    assert arrives(shell, ["a b"], env) == (["a b"], env)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(texts)
def test_a_word_is_one_line_of_ascii_that_wdl_leaves_alone(text: str) -> None:
    word = shell_word(text)
    assert word.isascii()
    assert word.isprintable()
    for meant in ("~{", "${", ">>>"):
        assert meant not in word


def test_a_plain_word_stays_readable() -> None:
    assert shell_word("--title=it is $HOME") == "'--title=it is $HOME'"
    assert shell_word("/share/incoming") == "/share/incoming"


def test_line_ends_at_the_end_of_a_word_are_kept() -> None:
    assert shell_word("a\n\n") == "\"$(printf %b 'a')$pfcon_n$pfcon_n\""


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_what_no_program_can_be_given_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="NUL character, or is not valid Unicode"):
        shell_word(text)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(lines)
def test_a_string_literal_means_its_text(text: str) -> None:
    expression = WDL.parse_expr(wdl_string(text), version="1.0")
    expression.infer_type(WDL.Env.Bindings(), WDL.StdLib.Base("1.0"))
    assert expression.eval(WDL.Env.Bindings(), WDL.StdLib.Base("1.0")).value == text


def test_a_string_literal_of_two_lines_is_refused() -> None:
    with pytest.raises(Refused, match="control character"):
        wdl_string("a\nb")
