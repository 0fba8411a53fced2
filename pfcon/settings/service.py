"""The settings of the service itself: credentials and HTTP server."""

from dataclasses import dataclass

from pfcon.settings import kinds
from pfcon.settings.section import setting

DEVELOPMENT_SECRET_KEY = "pfcon-development-key-that-everybody-knows"  # noqa: S105 - refused in production
DEVELOPMENT_PASSWORD = "pfcon1234"  # noqa: S105 - refused in production
SECRET_KEY_LENGTH = 32  # characters; RFC 7518, 3.2: an HS256 key has at least 256 bits
PASSWORD_LENGTH = 8
_KEY = kinds.text(
    f"one line of text; in production at least {SECRET_KEY_LENGTH} characters, not a well-known or repetitive text"
)
_FIXED = "required in production; a fixed one in development"


@dataclass(frozen=True)
class AuthSettings:
    """The credentials of clients, and the keys of tokens. previous_key: only verifies tokens, never signs."""

    secret_key: str = setting(
        "SECRET_KEY",
        _KEY,
        "Signs the tokens. Changing it makes all tokens invalid, except those that `SECRET_KEY_PREVIOUS` signed.",
        development=DEVELOPMENT_SECRET_KEY,
        note=_FIXED,
        required=True,
        secret=True,
    )
    user: str = setting(
        "PFCON_USER",
        kinds.user_name(),
        "The user that clients log in as.",
        development="pfcon",
        note="required in production",
        required=True,
        from_file=True,
    )
    password: str = setting(
        "PFCON_PASSWORD",
        kinds.text(
            f"one line of text; in production at least {PASSWORD_LENGTH} characters, "
            "not a well-known or repetitive text"
        ),
        "That user's password.",
        development=DEVELOPMENT_PASSWORD,
        note=_FIXED,
        required=True,
        secret=True,
    )
    previous_key: str | None = setting(
        "SECRET_KEY_PREVIOUS",
        _KEY,
        "The previous key: tokens that it signed are still valid. Unset it two days after the change.",
        secret=True,
    )


@dataclass(frozen=True)
class ServerSettings:
    """The HTTP server. Times are in seconds.

    address: host and port to listen on.
    idle_timeout: a transfer without a byte for this time is aborted.
    header_timeout: limit for a request's head, and then for its body; uploads may take longer.
    graceful_timeout: how long running requests may continue after the service was asked to stop.
    """

    address: tuple[str, int] = setting(
        "PFCON_BIND",
        kinds.address(),
        "The address on which the service listens.",
        default="0.0.0.0:5005",
        development="127.0.0.1:5005",
    )
    workers: int = setting(
        "PFCON_WORKERS", kinds.number(1, 1024), "Service processes; two for each core are a good number.", default="2"
    )
    threads: int = setting(
        "PFCON_THREADS",
        kinds.number(8, 4096),
        "Requests that one process serves at the same time; a transfer occupies one until its end.",
        default="64",
    )
    graceful_timeout: int = setting(
        "PFCON_GRACEFUL_TIMEOUT",
        kinds.number(1, 86400, "seconds"),
        "How long running requests may continue after the service was asked to stop.",
        default="30",
    )
    header_timeout: int = setting(
        "PFCON_HEADER_TIMEOUT",
        kinds.number(1, 3600, "seconds"),
        "The time limit of a client for each of three steps: to send the head of a request, to send its body, to "
        "receive a short response. The body of an upload gets one second more for each 16 KiB received.",
        default="20",
    )
    idle_timeout: int = setting(
        "PFCON_IDLE_TIMEOUT",
        kinds.number(1, 86400, "seconds"),
        "A transfer in which no byte moves for this time is aborted.",
        default="300",
    )

    @property
    def host(self) -> str:
        """The host to listen on; an IPv6 address is without brackets."""
        return self.address[0]

    @property
    def port(self) -> int:
        """The port to listen on."""
        return self.address[1]


@dataclass(frozen=True)
class MetricsSettings:
    """Who may read the metrics. address: an address of their own, host and port, where no token is needed."""

    address: tuple[str, int] | None = setting(
        "PFCON_METRICS_BIND",
        kinds.address(),
        "An address of its own for the [metrics](metrics.md), which asks for no token; its port is not that of "
        "`PFCON_BIND`.",
    )
    token: str | None = setting(
        "PFCON_METRICS_TOKEN",
        kinds.text("one line of text, at least 16 characters without blanks", r"[\x21-\x7e]{16,}"),
        "A token for `GET /metrics` alone, which does not expire.",
        secret=True,
    )


@dataclass(frozen=True)
class WebhookSettings:
    """Where the ends of jobs are reported to. secret: the key of the signatures."""

    url: str | None = setting(
        "PFCON_WEBHOOK_URL",
        kinds.url(),
        "The end of each job is sent to this URL, with a signature: [events](events.md#webhook).",
    )
    secret: str | None = setting(
        "PFCON_WEBHOOK_SECRET",
        _KEY,
        "The key of these signatures.",
        note="required with `PFCON_WEBHOOK_URL`",
        secret=True,
    )
