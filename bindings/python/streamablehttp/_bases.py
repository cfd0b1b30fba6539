"""What the exceptions of `errors` are derived from."""

from __future__ import annotations

from ._abi import shttp_status


class StreamableHTTPError(Exception):
    """A status other than OK: returned by a function, or received instead of a client's answer.

    Every status has its own subclass; catch this one to catch them all.
    """

    status: int = 0
    """The ``shttp_status`` number."""

    @property
    def status_name(self) -> str:
        """The name of the status in streamablehttp.h, such as SHTTP_ERR_NOT_FOUND."""
        try:
            return shttp_status(self.status).name
        except ValueError:
            return "SHTTP_ERR_UNKNOWN"


class SystemStatusError(StreamableHTTPError, OSError):
    """A status caused by the operating system."""

    status_errno: int | None = None

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.errno = self.status_errno
        self.strerror = text

    def __str__(self) -> str:
        return str(self.args[0])
