"""S3 as an object store."""
