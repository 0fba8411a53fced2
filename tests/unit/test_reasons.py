"""The vocabulary of reasons: codes, sentences, advice; notes on engines' jobs; and docs/reasons.md, made from them."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pfcon.reasons import CANCELLED, SUCCESS, Reason, Why, explain, page
from pfcon.reasons.sentences import EXPLANATIONS
from pfcon.reasons.why import fields_of
from pfcon.testing.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
DOCUMENT = "# Title\n<!-- reasons:begin -->\nstale content\n<!-- reasons:end -->\nmore\n"
# A value for each field of the sentences, as engines and storages give them.
SAMPLES: dict[str, str | int] = {
    "architecture": "arm64",
    "by": "delete job",
    "cause": "0/1 nodes are available",
    "code": 3,
    "command": "/opt/prog",
    "crash": "SIGSEGV",
    "duration": "60 minutes",
    "ended": "SysctlForbidden",
    "engine": "Slurm",
    "image": "fnndsc/pl-x:1",
    "limit": 64,
    "link": "'home/chris/in/a.chrislink'",
    "log_code": 1,
    "log_limit": 4096,
    "never": "it requests more machines than the partition allows",
    "node": "n1",
    "or_lost": 255,
    "or_signal": "SIGKILL",
    "path": "home/chris/a",
    "paths": "home/chris/a, home/chris/b",
    "request": "cpu_limit: it has 2 processors",
    "script": "/opt/prog",
    "signal": "SIGKILL",
    "site_limit": "7 days, 0:00:00",
    "user": "2001",
    "where": "/srv/storebase/key-1/outgoing",
}
KNOWN_TO_CLIENTS = "Invalid input path: "  # CUBE's users know this text: the one with a capital letter
SENTENCES = [(reason, text) for reason, explanation in EXPLANATIONS.items() for text in explanation.sentences]
each_reason = pytest.mark.parametrize("reason", list(Reason))
each_sentence = pytest.mark.parametrize(("reason", "sentence"), SENTENCES, ids=[text for _, text in SENTENCES])


def filled(sentence: str) -> dict[str, Any]:
    return {field: SAMPLES[field] for field in fields_of(sentence)}


def test_every_code_is_explained_once_in_the_order_of_the_codes_groups() -> None:
    assert set(EXPLANATIONS) == set(Reason)
    assert len(EXPLANATIONS) == len(Reason)


@each_reason
def test_a_reason_has_sentences_for_users_and_advice_for_administrators(reason: Reason) -> None:
    explanation = EXPLANATIONS[reason]
    assert explanation.sentences
    assert len(set(explanation.sentences)) == len(explanation.sentences)
    assert explanation.advice
    assert explanation.advice.endswith((".", "says which."))
    assert explanation.advice[0].isupper() or explanation.advice[0] == "`"


@each_reason
def test_a_code_is_one_word_that_fits_into_the_records_and_a_note(reason: Reason) -> None:
    assert re.fullmatch("([A-Z][a-z]+)+", reason)
    assert len(reason) <= 32


@each_sentence
def test_a_sentence_is_the_end_of_a_message(reason: Reason, sentence: str) -> None:
    assert not sentence.endswith((".", " ", ":", ";"))
    assert not sentence.startswith(" ")
    assert "\n" not in sentence
    assert "  " not in sentence
    assert not sentence[0].isupper() or sentence.startswith(KNOWN_TO_CLIENTS)  # no sentence begins with a name


@each_sentence
def test_a_sentence_can_be_written_and_is_chosen_if_its_fields_are_known(reason: Reason, sentence: str) -> None:
    why = explain(reason, **filled(sentence))
    assert why.message == sentence.format(**filled(sentence))
    assert (why.reason, why.interrupted, why.detail) == (reason, False, "")
    assert "{" not in why.message


def test_all_samples_are_used() -> None:
    assert set(SAMPLES) == {field for _, sentence in SENTENCES for field in fields_of(sentence)}


def test_unknown_values_count_as_no_field() -> None:
    assert explain(Reason.OUT_OF_MEMORY, limit=None) == explain(Reason.OUT_OF_MEMORY)
    assert explain(Reason.NODE_LOST, node="") == explain(Reason.NODE_LOST)
    assert explain(Reason.NODE_LOST, node="n1", cause="not used").message.endswith(": n1")


def test_what_only_the_engine_knows_is_kept() -> None:
    why = explain(Reason.REGISTRY_UNREACHABLE, interrupted=True, detail="x509: unknown authority", image="x")
    assert (why.interrupted, why.detail) == (True, "x509: unknown authority")
    assert "x509" not in why.message


@pytest.mark.parametrize(
    ("reason", "values"),
    [
        (Reason.EXIT_CODE, {}),
        (Reason.EXIT_CODE, {"cause": "x"}),
        (Reason.COMMAND_NOT_FOUND, {"image": "x"}),
        (Reason.INTERRUPTED, {"cause": ""}),
    ],
)
def test_a_reason_without_the_fields_of_any_sentence_is_a_fault_of_the_code(
    reason: Reason, values: dict[str, Any]
) -> None:
    with pytest.raises(LookupError, match=reason):
        explain(reason, **values)


@each_sentence
def test_a_note_is_one_line_and_read_back(reason: Reason, sentence: str) -> None:
    why = explain(reason, **filled(sentence))
    assert "\n" not in why.note()
    assert Why.of_note(why.note()) == why
    assert type(Why.of_note(why.note()).reason) is Reason


def test_what_a_note_does_not_keep_is_lost() -> None:
    why = explain(Reason.SIGNAL, interrupted=True, detail="x", signal="SIGKILL")
    assert Why.of_note(why.note()) == explain(Reason.SIGNAL, signal="SIGKILL")


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        ("cancelled", Reason.CANCELLED),
        ("stopped at its time limit", Reason.TIME_LIMIT),
        ("stopped at its time limit of 1 minute", Reason.TIME_LIMIT),
        ("stopped at its time limit of 3 minutes", Reason.TIME_LIMIT),
        ("cancelled by a delete job", ""),
        ("worker 1 of 2: exit code 3", ""),
        ("worker 1 of 2: cancelled", ""),
        ("its node failed", ""),
        ("Cancelled", ""),  # a code alone is a message
        ("Nothing of the kind", ""),
        ("ExitCode", ""),
        ("any text: with `signs` and {braces}", ""),
    ],
)
def test_a_note_of_an_earlier_release_is_a_message(note: str, reason: str) -> None:
    assert Why.of_note(note) == Why(note, reason=reason)


def test_no_note_is_no_reason() -> None:
    assert Why.of_note("") == SUCCESS
    assert SUCCESS.note() == ""
    assert not SUCCESS


def test_a_reason_of_a_sites_own_engine_has_any_code() -> None:
    assert Why("no fuel", reason="Fuel").note() == "Fuel no fuel"
    assert json.dumps({"reason": CANCELLED.reason}) == '{"reason": "Cancelled"}'


@pytest.mark.parametrize(
    ("number", "workers", "message"),
    [(1, 1, "cancelled"), (1, 2, "worker 1 of 2: cancelled"), (3, 3, "worker 3 of 3: cancelled")],
)
def test_the_reason_of_one_of_several_workers_names_it(number: int, workers: int, message: str) -> None:
    why = CANCELLED.of_worker(number, workers)
    assert (why.message, why.reason) == (message, Reason.CANCELLED)


def test_a_worker_that_succeeded_has_no_reason() -> None:
    assert SUCCESS.of_worker(1, 2) == SUCCESS
    killed = explain(Reason.SIGNAL, interrupted=True, detail="x", signal="SIGKILL").of_worker(1, 2)
    assert (killed.interrupted, killed.detail) == (True, "x")


# The page


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """A file with the markers and a stale table."""
    path = tmp_path / "reasons.md"
    path.write_text(DOCUMENT)
    return path


def test_the_documentation_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert page.main(["--check", str(ROOT / "docs" / "reasons.md")]) == 0, capsys.readouterr().err


def test_every_reason_has_one_row_with_all_that_users_read_and_administrators_can_do() -> None:
    rows = page.markdown().splitlines()[2:]
    assert len(rows) == len(Reason)
    for (reason, explanation), row in zip(EXPLANATIONS.items(), rows, strict=True):
        assert row.startswith(f"| `{reason}` | ")
        assert row.endswith(f" | {explanation.advice} |")
        assert row.count("<br>") == len(explanation.sentences) - 1
        assert row.replace("\\|", "").count("|") == 4
        assert "{" not in row


def test_only_what_is_between_the_markers_is_rewritten(document: Path) -> None:
    assert page.main([str(document)]) == 0
    text = document.read_text()
    assert text.startswith("# Title\n<!-- reasons:begin -->\n\n| Code |")
    assert text.endswith("|\n\n<!-- reasons:end -->\nmore\n")
    assert page.markdown() in text
    assert "stale content" not in text


def test_check_tells_a_stale_table_and_writes_nothing(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert page.main(["--check", str(document)]) == 1
    assert document.read_text() == DOCUMENT
    assert "stale" in capsys.readouterr().err
    assert page.main([str(document)]) == 0
    assert page.main(["--check", str(document)]) == 0


@pytest.mark.parametrize("text", ["no markers\n", "<!-- reasons:end --> <!-- reasons:begin -->\n"])
def test_a_file_without_markers_is_left_alone(document: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    document.write_text(text)
    assert page.main([str(document)]) == 2
    assert document.read_text() == text
    assert "<!-- reasons:begin -->" in capsys.readouterr().err


def test_an_absent_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert page.main([str(tmp_path / "absent.md")]) == 2
    assert "absent.md" in capsys.readouterr().err


def test_the_command_runs_by_its_name_without_a_warning(document: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "pfcon.reasons.page", "--check", str(document)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{document}: outdated")
