"""What a run over a tree could not do: it goes on, and reports at its end."""


class Failures:
    """How many failures there were, and the texts of the first ``most`` of them."""

    most = 20

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, text: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.first) < self.most:
            self.first.append(text)
