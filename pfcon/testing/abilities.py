"""The base of what declares which parts of a contract an engine or a storage does not keep, and why."""

import pytest


class Abilities:
    """Each field is an ability of the contract. It is empty, or a text that says why the ability is missing."""

    def lacks(self, ability: str) -> bool:
        """Whether an ability is missing. Raises AttributeError for a word that is no ability."""
        return bool(getattr(self, ability))

    def need(self, ability: str) -> None:
        """Skip the test where an ability is missing; the skip has its text. Raises AttributeError as ``lacks``."""
        if self.lacks(ability):
            pytest.skip(getattr(self, ability))
