"""A placeholder: it changes nothing."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Change nothing."""
