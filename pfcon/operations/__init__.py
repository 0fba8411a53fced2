"""What copy, upload and delete jobs execute: ``python -m pfcon.operations``. Needs the standard library alone."""
