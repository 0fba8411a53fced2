"""Zip files: checks uploads and unpacks them in parallel; zips outputs while they are sent."""
