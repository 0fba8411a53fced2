"""The variables of the service itself: who may use it, where it listens, what it takes."""

from enum import StrEnum

from pfcon.settings import kinds
from pfcon.settings.model import Mode
from pfcon.settings.variable import Variable

DEVELOPMENT_SECRET_KEY = "pfcon-development-key-that-everybody-knows"  # noqa: S105 - refused in production
DEVELOPMENT_PASSWORD = "pfcon1234"  # noqa: S105 - refused in production
SECRET_KEY_LENGTH = 32  # characters; RFC 7518, 3.2: an HS256 key has at least 256 bits
PASSWORD_LENGTH = 8


class DeleteActive(StrEnum):
    """PFCON_DELETE_ACTIVE: what a delete job does to a job that still runs."""

    CANCEL = "cancel"
    REFUSE = "refuse"


APPLICATION_MODE = Variable(
    "APPLICATION_MODE",
    kinds.choice(Mode),
    "`development` has a known user, password and key, and logs in detail. Never for a service that others reach.",
    default="production",
)
SECRET_KEY = Variable(
    "SECRET_KEY",
    kinds.text(
        f"one line of text; in production at least {SECRET_KEY_LENGTH} characters, no well-known or repetitive one"
    ),
    "Signs the tokens. Changing it ends all sessions, but for those of `SECRET_KEY_PREVIOUS`.",
    development=DEVELOPMENT_SECRET_KEY,
    note="required in production; a fixed one in development",
    secret=True,
)
SECRET_KEY_PREVIOUS = Variable(
    "SECRET_KEY_PREVIOUS",
    SECRET_KEY.kind,
    "The key before this one: the tokens that it signed stay valid. Unset it two days after the change.",
    secret=True,
)
PFCON_USER = Variable(
    "PFCON_USER",
    kinds.user_name(),
    "The user that clients log in as.",
    development="pfcon",
    note="required in production",
    from_file=True,
)
PFCON_PASSWORD = Variable(
    "PFCON_PASSWORD",
    kinds.text(
        f"one line of text; in production at least {PASSWORD_LENGTH} characters, no well-known or repetitive one"
    ),
    "That user's password.",
    development=DEVELOPMENT_PASSWORD,
    note="required in production; a fixed one in development",
    secret=True,
)
PFCON_BIND = Variable(
    "PFCON_BIND",
    kinds.address(),
    "Where the service listens.",
    default="0.0.0.0:5005",
    development="127.0.0.1:5005",
)
PFCON_WORKERS = Variable("PFCON_WORKERS", kinds.number(1, 1024), "Server processes; two per core do well.", default="2")
PFCON_THREADS = Variable(
    "PFCON_THREADS",
    kinds.number(8, 4096),
    "Requests that one process serves at the same time; a transfer holds one until its end.",
    default="64",
)
PFCON_GRACEFUL_TIMEOUT = Variable(
    "PFCON_GRACEFUL_TIMEOUT",
    kinds.number(1, 86400, "seconds"),
    "How long running requests may go on after a stop was asked for.",
    default="30",
)
PFCON_HEADER_TIMEOUT = Variable(
    "PFCON_HEADER_TIMEOUT",
    kinds.number(1, 3600, "seconds"),
    "How long a request's head may take to come in, and then its body, when that is no upload (which gets a second "
    "more for each 16 KiB that came); also how long a client may take to fetch a short answer.",
    default="20",
)
PFCON_IDLE_TIMEOUT = Variable(
    "PFCON_IDLE_TIMEOUT",
    kinds.number(1, 86400, "seconds"),
    "A transfer that moves no byte for so long is given up.",
    default="300",
)
PFCON_DELETE_ACTIVE = Variable(
    "PFCON_DELETE_ACTIVE",
    kinds.choice(DeleteActive),
    "What a delete job does while another job of its jid is active: cancel that one, or answer 409.",
    default="cancel",
)
PFCON_DATABASE_URL = Variable(
    "PFCON_DATABASE_URL",
    kinds.database_url(),
    "Where jobs are remembered.",
    note="SQLite below storeBase",
    secret=True,
)

SERVICE = (
    APPLICATION_MODE,
    SECRET_KEY,
    SECRET_KEY_PREVIOUS,
    PFCON_USER,
    PFCON_PASSWORD,
    PFCON_BIND,
    PFCON_WORKERS,
    PFCON_THREADS,
    PFCON_GRACEFUL_TIMEOUT,
    PFCON_HEADER_TIMEOUT,
    PFCON_IDLE_TIMEOUT,
    PFCON_DELETE_ACTIVE,
    PFCON_DATABASE_URL,
)
