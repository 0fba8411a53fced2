"""How files of a tree are opened that a job may be changing: flags of open(2).

A symbolic link in the last place is never followed, and a named pipe keeps nobody waiting.
"""

import os

GUARDED = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # with one of O_RDONLY, O_WRONLY and O_RDWR
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | GUARDED
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
LOCK = os.O_RDWR | os.O_CREAT | GUARDED
HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC  # of anything, without the right to read it
