"""Zip files: uploads are checked and unpacked in parallel, outputs are zipped while they are sent."""
