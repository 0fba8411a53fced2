"""Collects failures of an operation on a tree, which continues and reports them at its end."""


class Failures:
    """count: number of failures. first: the texts of the first ``most`` of them."""

    most = 20

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, text: str) -> None:
        """Add a failure."""
        self.count += 1
        if len(self.first) < self.most:
            self.first.append(text)
