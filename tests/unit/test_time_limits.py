"""The time limit of a job: the field of a request, the specification, the message."""

import json
from typing import Any

import pytest

from pfcon.api.parsers import parse_job
from pfcon.compute.exits import at_time_limit
from pfcon.errors import InvalidFields
from pfcon.jobs.kinds.digests import request_digest
from pfcon.models import JobId, JobKind, JobRequest, JobSpec, Resources
from pfcon.reasons import Reason, Why

FIELDS: dict[str, list[str]] = {
    "jid": ["j"],
    "image": ["i:1"],
    "entrypoint": ["sh"],
    "type": ["ds"],
    "auid": ["chris"],
    "number_of_workers": ["1"],
    "cpu_limit": ["1000"],
    "memory_limit": ["300"],
    "gpu_limit": ["0"],
}


def parsed(longest: int | None = None, **fields: str) -> JobRequest:
    form = FIELDS | {name: [value] for name, value in fields.items()}
    return parse_job(form, innetwork=False, needs_inputs=False, lacks_upload=False, longest=longest)


def fault(longest: int | None, value: str) -> Any:
    with pytest.raises(InvalidFields) as caught:
        parsed(longest, time_limit=value)
    return caught.value.message


def test_a_request_without_a_time_limit_has_none() -> None:
    assert parsed().time_limit is None
    assert parsed(60).time_limit is None


@pytest.mark.parametrize("longest", [None, 60])
@pytest.mark.parametrize("value", ["1", "60"])
def test_a_request_may_have_a_time_limit_up_to_the_sites(longest: int | None, value: str) -> None:
    assert parsed(longest, time_limit=value).time_limit == int(value)


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "1e3", "an hour", "61", "99999999999", " 5", "٣"])
def test_another_value_is_refused_with_the_sites_limit(value: str) -> None:
    message = f"must be an integer from 1 to 60 minutes (TIMELIMIT_MINUTES), got {value!r}"
    assert fault(60, value) == {"time_limit": message}


def test_a_site_without_a_limit_accepts_a_million_minutes() -> None:
    assert parsed(time_limit="1000000").time_limit == 10**6
    assert fault(None, "1000001") == {"time_limit": "must be an integer from 1 to 1000000 minutes, got '1000001'"}


def test_an_empty_time_limit_is_refused() -> None:
    assert fault(None, "") == {"time_limit": "cannot be empty"}


def test_another_time_limit_is_another_request() -> None:
    digests = [request_digest(parsed(time_limit=value), "inputs") for value in ("5", "6", "5")]
    assert digests[0] == digests[2] != digests[1]
    assert request_digest(parsed(), "inputs") not in digests


def test_a_request_without_a_time_limit_has_the_digest_of_earlier_releases() -> None:
    expected = "6b2066c05f7c41883674fdbd957a04eed98d5947f66d5a39b80d31f9d66d9e48"
    assert request_digest(parsed(60), "inputs") == expected


def test_earlier_releases_know_the_time_limit_by_its_name_in_records() -> None:
    spec = JobSpec("j", JobId("j"), JobKind.PLUGIN, "i:1", ("sh",), resources=Resources(memory=300, time_limit=60))
    resources = json.loads(spec.to_json())["resources"]
    assert resources["minutes"] == 60
    assert "time_limit" not in resources
    assert JobSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("minutes", "message"),
    [
        (60, "stopped at its time limit of 60 minutes"),
        (1, "stopped at its time limit of 1 minute"),
        (None, "stopped at its time limit"),
    ],
)
def test_the_message_names_the_limit_and_gives_the_reason(minutes: int | None, message: str) -> None:
    why = at_time_limit(minutes)
    assert (why.message, why.reason, why.interrupted) == (message, Reason.TIME_LIMIT, False)
    assert Why.of_note(why.note()) == why
    assert Why.of_note(message) == why  # as an earlier release has noted it


@pytest.mark.parametrize("message", ["", "exit code 1", "worker 1 of 2: stopped at its time limit of 1 minute"])
def test_another_message_gives_no_reason(message: str) -> None:
    assert Why.of_note(message) == Why(message)
