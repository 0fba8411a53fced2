"""Where inputs come from and outputs go: one module per storage behind the seam in ``base``."""
