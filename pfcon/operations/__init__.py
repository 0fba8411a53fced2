"""The program of copy, upload and delete jobs: ``python -m pfcon.operations``. Needs only the standard library."""
