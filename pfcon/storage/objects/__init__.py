"""Object stores: what Swift and S3 share, above the seam ``store``; each has one small client below it."""
