"""Downloads of a job's inputs from an object store."""
