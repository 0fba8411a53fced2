"""Files and directory trees that jobs may be changing: walking, reading, writing, locks, removal."""
