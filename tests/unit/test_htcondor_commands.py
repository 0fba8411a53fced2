"""HTCondor's commands: their environment, and what their failures mean. The texts are those of 23.9 and 25.14."""

import os
from pathlib import Path

import pytest

from pfcon.compute.htcondor.commands import Commands, error_of, had_left, require_tools
from pfcon.compute.unanswered import NoAnswer
from pfcon.errors import ConfigurationError, Refused

AWAY = """Error: CEDAR:6001:Failed to connect to <127.0.0.1:29719>

Extra Info: You probably saw this error because the condor_schedd is not
running on the machine you are trying to query.
"""


@pytest.mark.parametrize(
    ("program", "text", "said"),
    [
        ("condor_q", AWAY, "HTCondor does not answer: CEDAR:6001:Failed to connect to <127.0.0.1:29719>"),
        ("condor_rm", "condor_rm: (null)\n", "HTCondor does not answer: failed to connect to the schedd"),
        (
            "condor_submit",
            "\nERROR: Can't find address of local schedd\n",
            "HTCondor does not answer: Can't find address of local schedd",
        ),
        (
            "condor_submit",
            'File specified in CONDOR_CONFIG environment variable:\n"/x" does not exist.\n',
            'HTCondor does not answer: File specified in CONDOR_CONFIG environment variable: "/x" does not exist.',
        ),
    ],
)
def test_a_schedd_that_is_away_has_not_received_the_job(program: str, text: str, said: str) -> None:
    fault = error_of(program, 1, text)
    assert isinstance(fault, NoAnswer)
    assert (str(fault), fault.may_have_arrived) == (said, False)


@pytest.mark.parametrize("text", ["ERROR: Failed to commit job submission into the queue.", "SECMAN:2007:timed out"])
def test_a_schedd_that_breaks_off_may_have_received_the_job(text: str) -> None:
    fault = error_of("condor_submit", 1, text)
    assert isinstance(fault, NoAnswer)
    assert fault.may_have_arrived


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "ERROR: Parse error in expression: \n\tRequestMemory = abc def\n\t",
            "Parse error in expression: RequestMemory",
        ),
        (
            "\nERROR: Failed to create new User record for condor@local.\nThe given user is not allowed to own jobs",
            "Failed to create new User record for condor@local. The given user is not allowed to own jobs",
        ),
    ],
)
def test_other_failures_of_condor_submit_are_refusals_in_its_words(text: str, said: str) -> None:
    fault = error_of("condor_submit", 1, text)
    assert isinstance(fault, Refused)
    assert said in str(fault)


@pytest.mark.parametrize(
    "text", ["Couldn't find/remove all jobs in cluster 999", "Job 42.0 already marked for removal"]
)
def test_condor_rm_of_a_job_that_has_left_is_no_fault(text: str) -> None:
    fault = error_of("condor_rm", 1, text)
    assert isinstance(fault, NoAnswer)
    assert had_left(fault)


def test_condor_rm_without_a_schedd_is_a_fault() -> None:
    fault = error_of("condor_rm", 1, "condor_rm: CEDAR:6001:Failed to connect to <127.0.0.1:29719>")
    assert isinstance(fault, NoAnswer)
    assert not had_left(fault)


def test_only_htcondor_s_own_variables_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "condor_q").write_text("#!/bin/sh\nenv\n")
    (tmp_path / "condor_q").chmod(0o755)
    for name in ("HTCONDOR_POOL", "PFCON_PASSWORD"):
        monkeypatch.setenv(name, "not-for-htcondor")
    monkeypatch.setenv("CONDOR_CONFIG", "/etc/other")
    monkeypatch.setenv("_CONDOR_CONDOR_HOST", "cm")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = Commands().run(["condor_q"])
    assert "not-for-htcondor" not in found
    assert "CONDOR_CONFIG=/etc/other" in found
    assert "_CONDOR_CONDOR_HOST=cm" in found


def test_a_host_without_the_commands_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    require_tools(("ssh", "submit1"))
    with pytest.raises(ConfigurationError, match=r"no condor_submit, condor_q, .*\(Debian package: condor\)"):
        require_tools(())
