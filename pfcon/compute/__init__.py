"""Who runs jobs: one module per engine behind the seam in ``base``."""
