"""Safe access to files and directory trees while jobs may change them: walk, read, write, lock, remove."""
