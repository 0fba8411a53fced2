"""Why a command of the client did not work. All messages are for users, and have no secret."""

FAILED = 1  # exit status
USAGE = 2  # exit status


class ClientError(Exception):
    """Base of all. exit_status: of the command."""

    exit_status = FAILED


class NotConfigured(ClientError):
    """The address, the user or the password is missing or can't be used."""

    exit_status = USAGE


class WrongUse(ClientError):
    """The words of the command can't be used."""

    exit_status = USAGE


class ServiceAway(ClientError):
    """The service has not answered, or does not answer now."""


class Answered(ClientError):
    """The service has refused the request. status: that of HTTP. pause: seconds after which it may be sent again."""

    def __init__(self, message: str, status: int, pause: float = 1.0) -> None:
        super().__init__(message)
        self.status = status
        self.pause = pause
