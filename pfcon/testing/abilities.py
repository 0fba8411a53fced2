"""Base class to declare which parts of a contract an engine or a storage does not support, and why."""

import pytest


class Abilities:
    """Each field is an ability of the contract: empty, or a text with the reason why it is missing."""

    def lacks(self, ability: str) -> bool:
        """Whether an ability is missing. Raises AttributeError for an unknown ability."""
        return bool(getattr(self, ability))

    def need(self, ability: str) -> None:
        """Skip the test, with the reason, if an ability is missing. Raises AttributeError for an unknown one."""
        if self.lacks(ability):
            pytest.skip(getattr(self, ability))
