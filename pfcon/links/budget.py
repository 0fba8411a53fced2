"""The limits for the expansion of links, and its notes for the user."""

from pfcon.errors import Refused, TooLarge
from pfcon.units import human_bytes

_MAX_NOTES = 100
_STEPS_PER_FILE, _FREE_STEPS = 4, 10_000  # directories and links that may be walked: for each allowed file, and besides
_MAX_STEPS = 10_000_000  # the same if the number of files has no limit
_MAX_HELD, _EACH = 48 << 20, 500  # bytes of memory for paths that have to be merged, and overhead of each path
_MAX_DEPTH = 256  # directories; see pfcon.archive.members


class Notes:
    """Lines for the user. After the first hundred, lines are only counted."""

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
        """Return all lines, and a last one with the number of those that were only counted."""
        return (*self._lines, f"and {self._more} more notes") if self._more else tuple(self._lines)


class Budget:
    """Limits what is staged, and the work to find it: links may multiply endlessly. 0 means no limit.

    max_files: files and directories. max_bytes: sum of the sizes of the staged files. steps: taken in earlier walks.
    """

    def __init__(self, max_files: int, max_bytes: int, steps: int = 0) -> None:
        self.max_files, self.max_bytes, self.steps = max_files, max_bytes, steps
        self.files = self.directories = self.nbytes = self._held = 0

    def directory(self, path: str) -> None:
        """Count a staged directory. Raises TooLarge, and Refused for a path with too many components."""
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

    def reserve(self, characters: int) -> int:
        """Reserve memory for a path of so many characters; return the bytes, for ``release``. Raises TooLarge."""
        self._held += characters + _EACH
        if self._held > _MAX_HELD:
            raise TooLarge("links or several inputs merge too many paths into one directory (a fixed limit)")
        return characters + _EACH

    def release(self, nbytes: int) -> None:
        """Release so many bytes that ``reserve`` has returned."""
        self._held -= nbytes

    def step(self) -> None:
        """Count a directory, a link, or a file whose staged path is taken. Raises TooLarge."""
        self.steps += 1
        limit = _STEPS_PER_FILE * self.max_files + _FREE_STEPS if self.max_files else _MAX_STEPS
        if self.steps > limit:
            raise TooLarge(f"the inputs have more than {limit} directories and links to walk (PFCON_MAX_FILES)")


class InputsBudget(Budget):
    """The budget for users' own data: their number is limited only because links may multiply endlessly."""

    def __init__(self, max_files: int = 20_000_000, max_steps: int = 10_000_000) -> None:
        super().__init__(max_files, 0)
        self._max_steps = max_steps

    def directory(self, path: str) -> None:
        """See Budget. No limit: directories count as steps, and may be as deep as users have created them."""

    def file(self, size: int) -> None:
        """See Budget."""
        self.files += 1
        self.nbytes += size
        if self.files > self.max_files:
            raise TooLarge(f"with links expanded, the inputs have more than {self.max_files} files (a fixed limit)")

    def step(self) -> None:
        """See Budget."""
        self.steps += 1
        if self.steps > self._max_steps:
            raise TooLarge(f"the inputs have more than {self._max_steps} directories and links to walk (a fixed limit)")
