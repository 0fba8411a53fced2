"""All of pfcon's settings."""

from dataclasses import dataclass
from enum import StrEnum

from pfcon.compute.settings import ComputeSettings
from pfcon.settings import kinds
from pfcon.settings.jobs import ActiveLimits, RetentionSettings
from pfcon.settings.log import LogSettings
from pfcon.settings.section import setting
from pfcon.settings.service import AuthSettings, MetricsSettings, ServerSettings, WebhookSettings
from pfcon.settings.variable import Mode
from pfcon.storage.settings import StorageSettings


class DeleteActive(StrEnum):
    """PFCON_DELETE_ACTIVE: what a delete job does to a job that still runs."""

    CANCEL = "cancel"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Settings:
    """All of pfcon's configuration. database_url: for SQLAlchemy; None means SQLite below storeBase."""

    mode: Mode
    auth: AuthSettings
    server: ServerSettings
    storage: StorageSettings
    compute: ComputeSettings
    webhook: WebhookSettings
    metrics: MetricsSettings
    active: ActiveLimits
    retention: RetentionSettings
    log: LogSettings
    delete_active: DeleteActive = setting(
        "PFCON_DELETE_ACTIVE",
        kinds.choice(DeleteActive),
        "What a delete job does while another job of its jid is active: cancel that job, or refuse with 409. "
        "It does not concern `DELETE` of a job, which always stops the job.",
        default="cancel",
    )
    database_url: str | None = setting(
        "PFCON_DATABASE_URL",
        kinds.database_url(),
        "The database of the records of jobs: `postgresql+psycopg://USER:PASSWORD@HOST/DATABASE`, or SQLite.",
        note="SQLite below storeBase",
        secret=True,
    )

    @property
    def production(self) -> bool:
        """Whether this is a production server."""
        return self.mode is Mode.PRODUCTION
