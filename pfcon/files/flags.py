"""Flags of open(2) for files in a tree that a job may be changing.

A symbolic link as the last path component is never followed, and opening a named pipe never blocks.
"""

import os

GUARDED = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # with one of O_RDONLY, O_WRONLY and O_RDWR
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | GUARDED
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
LOCK = os.O_RDWR | os.O_CREAT | GUARDED
HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC  # a descriptor of any file; needs no right to read it
