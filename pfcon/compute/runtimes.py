"""What the programs say that start a container for an engine: runc and crun. Pure.

Their texts are not part of any API; those that tests/data/docker has recorded are what is relied on here.
"""

import re

# runc; crun; both are told of by Docker and by Podman, which adds a guess of its own that is also made for mounts.
_NO_COMMAND = re.compile(
    r"exec: \".*\": (?:executable file not found|stat .*: no such file|no such file)|executable file \S+ not found",
    re.IGNORECASE,
)
_NOT_EXECUTABLE = re.compile(
    r"exec: \".*\": (?:stat .*: )?(?:permission denied|is a directory|not a directory)|exec \S+ exec format error"
    r"|exec: .*exec format error|open executable: permission denied|exists but it is not executable",
    re.IGNORECASE,
)


def start_failure(text: str, image: str, command: str) -> str | None:
    """The message for a job whose command the image does not have or can't run; None for all other reasons."""
    if _NO_COMMAND.search(text):
        return f"no such command in image {image}: {command}"
    if _NOT_EXECUTABLE.search(text):
        return f"not executable in image {image}: {command}"
    return None
