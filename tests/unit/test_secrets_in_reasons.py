"""Addresses in the texts of registries may have secrets: users and logs get none of them."""

import pytest

from pfcon.compute.registries import image_failure
from pfcon.reasons import Reason

SIGNED = "https://s3.example/layer?X-Amz-Security-Token=SECRET" + "A" * 700 + "&X-Amz-Credential=KEY"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f'failed to copy: httpReadSeeker: Get "{SIGNED}": dial tcp: i/o timeout', Reason.REGISTRY_UNREACHABLE),
        (f'Get "{SIGNED}": something new', Reason.IMAGE_FAILED),
        ('Get "https://user:SECRET@host/v2/": unexpected', Reason.IMAGE_FAILED),
    ],
)
def test_a_secret_is_in_no_text(text: str, reason: Reason) -> None:
    why = image_failure("host/pl-x:1", text)
    assert why.reason is reason
    assert not {"SECRET", "KEY"} & {word for word in ("SECRET", "KEY") if word in why.message + why.detail}
    assert why.detail
