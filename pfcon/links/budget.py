"""What bounds the expansion of links, and what it tells the user."""

from pfcon.errors import Refused, TooLarge
from pfcon.units import human_bytes

_MAX_NOTES = 100
_STEPS_PER_FILE, _FREE_STEPS = 4, 10_000  # directories and links that may be walked for each file allowed
_MAX_STEPS = 10_000_000  # the same where the number of files has no limit
_MAX_HELD, _EACH = 48 << 20, 500  # bytes of memory for what has to be brought together, and of it for each path
_MAX_DEPTH = 256  # directories; see pfcon.archive.members


class Notes:
    """Lines for the user; beyond a hundred they are counted only."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._more = 0

    def add(self, line: str) -> None:
        """Add a line."""
        if len(self._lines) < _MAX_NOTES:
            self._lines.append(line)
        else:
            self._more += 1

    def lines(self) -> tuple[str, ...]:
        """All lines, and a last one for those that were only counted."""
        return (*self._lines, f"and {self._more} more notes") if self._more else tuple(self._lines)


class Budget:
    """Bounds what is staged, and the work of finding it: links may multiply without end. 0 is no limit.

    max_files: of files and directories. max_bytes: sum of the sizes of the staged files. steps: that were taken before.
    """

    def __init__(self, max_files: int, max_bytes: int, steps: int = 0) -> None:
        self.max_files, self.max_bytes, self.steps = max_files, max_bytes, steps
        self.files = self.directories = self.nbytes = self._held = 0

    def directory(self, path: str) -> None:
        """Count a staged directory. Raises TooLarge, and Refused for one that lies too deep."""
        if path.count("/") >= _MAX_DEPTH:
            raise Refused(f"with links expanded, the inputs lie more than {_MAX_DEPTH} directories deep: {path[:200]}…")
        self.directories += 1
        self._check_files()

    def file(self, size: int) -> None:
        """Count a staged file. Raises TooLarge."""
        self.files += 1
        self.nbytes += size
        self._check_files()
        if self.max_bytes and self.nbytes > self.max_bytes:
            limit = human_bytes(self.max_bytes)
            raise TooLarge(f"with links expanded, the inputs have more than {limit} (PFCON_MAX_UNPACKED_BYTES)")

    def _check_files(self) -> None:
        if self.max_files and self.files + self.directories > self.max_files:
            raise TooLarge(
                f"with links expanded, the inputs have more than {self.max_files} files and directories"
                " (PFCON_MAX_FILES)"
            )

    def hold(self, characters: int) -> int:
        """Count what has to be kept in memory for a path; gives back the bytes, for ``let_go``. Raises TooLarge."""
        self._held += characters + _EACH
        if self._held > _MAX_HELD:
            raise TooLarge("links or several inputs bring more together in one directory than can be followed")
        return characters + _EACH

    def let_go(self, nbytes: int) -> None:
        """What ``hold`` gave back is not needed any more."""
        self._held -= nbytes

    def step(self) -> None:
        """Count a directory, a link, or a file that is there already. Raises TooLarge."""
        self.steps += 1
        limit = _STEPS_PER_FILE * self.max_files + _FREE_STEPS if self.max_files else _MAX_STEPS
        if self.steps > limit:
            raise TooLarge(f"the inputs have more than {limit} directories and links to walk (PFCON_MAX_FILES)")


class InputsBudget(Budget):
    """Users' own data have no limit on their number but this one, against links that multiply without end."""

    def __init__(self, max_files: int = 20_000_000, max_steps: int = 10_000_000) -> None:
        super().__init__(max_files, 0)
        self._max_steps = max_steps

    def directory(self, path: str) -> None:
        """See Budget. Directories are steps already, and as deep as users have made them."""

    def file(self, size: int) -> None:
        """See Budget."""
        self.files += 1
        self.nbytes += size
        if self.files > self.max_files:
            raise TooLarge(f"with links expanded, the inputs have more than {self.max_files} files")

    def step(self) -> None:
        """See Budget."""
        self.steps += 1
        if self.steps > self._max_steps:
            raise TooLarge(f"the inputs have more than {self._max_steps} directories and links to walk")
