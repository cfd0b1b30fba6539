"""HTTP requests that the host is asked about."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ._abi import shttp_authorization, shttp_bytes, shttp_refusal
from ._handles import Commands
from ._library import library
from ._recorder import Recorder, Sent, sent
from ._values import (
    Headers,
    borrowed,
    encoded,
    exact,
    headers_of,
    milliseconds,
    shown,
    wrong_type,
)
from .errors import InvalidArgumentError, NotFoundError
from .http_request import ResponseHeaders, Text, invoke_response, response_arguments
from .message import Event

PRINCIPAL_BYTES_MAX = 256
CHALLENGE_BYTES_MAX = 2048

_REFUSALS = {
    "no_credentials": shttp_refusal.SHTTP_REFUSE_NO_CREDENTIALS,
    "invalid_token": shttp_refusal.SHTTP_REFUSE_INVALID_TOKEN,
    "insufficient_scope": shttp_refusal.SHTTP_REFUSE_INSUFFICIENT_SCOPE,
}
_PRINTABLE = re.compile(rb"[ -~]*")
_SCOPES = re.compile(rb"(?:[!#-\[\]-~]+(?: [!#-\[\]-~]+)*)?")


class _State:
    """What changes of an authorization."""

    __slots__ = ("answered", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answered = False


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Authorization(Event):
    """An HTTP request that waits to be authorized: answer it with `allow`, `refuse` or `answer`.

    It is the first event of a request, if the server has `authorize`. The methods may be called now
    or later, on any thread. If the client has disconnected, the answer is ignored. After
    `authorize_ms` the request is refused with HTTP status 503.
    """

    session: None
    method: str
    """POST, GET or DELETE."""
    target: str
    """The request's target, such as /mcp?x=1."""
    scheme: str
    """The scheme of the Authorization header in lower case; empty if there is none."""
    credentials: str
    """The credentials after the scheme. Do not log them."""
    headers: Headers
    """The headers of the HTTP request."""
    peer: str
    """Where the client is, such as 127.0.0.1:54321, or unix:pid=17. Behind a proxy, the proxy."""

    _authorization: shttp_authorization = field(init=False)
    _server: Commands = field(init=False)
    _tags: dict[int, Any] = field(init=False)
    _state: _State = field(init=False)

    __match_args__ = ("method", "target")

    def __init__(
        self,
        *,
        method: str = "POST",
        target: str = "/mcp",
        scheme: str = "",
        credentials: str = "",
        headers: Mapping[str, str] | None = None,
        peer: str = "",
    ) -> None:
        """Makes one without a server, for tests of a host; `sent` has its answer."""
        super().__init__()
        vars(self).update(
            method=method,
            target=target,
            scheme=scheme,
            credentials=credentials,
            headers=headers_of(headers),
            peer=peer,
        )
        self._begin(Recorder(), 0, {})

    @classmethod
    def _of(cls, server: Commands, key: int, tags: dict[int, Any], **fields: Any) -> Authorization:
        """One of a server, with the tags of its requests."""
        authorization = cls(**fields)
        authorization._begin(server, key, tags)
        return authorization

    def _begin(self, server: Commands, key: int, tags: dict[int, Any]) -> None:
        vars(self).update(_server=server, _authorization=shttp_authorization(key), _state=_State(), _tags=tags)

    def _details(self) -> tuple[object, ...]:
        # A query may have a token in it.
        return (shown(self.method), shown(self.target.partition("?")[0]))

    @property
    def token(self) -> str | None:
        """The bearer token; None if there is none."""
        return self.credentials if self.scheme == "bearer" else None

    @property
    def sent(self) -> list[Sent]:
        """The answers to one that was built without a server: (name, argument, ...)."""
        return sent(self._server)

    def allow(self, principal: str, expires_in_ms: int = 0, tag: Any = None) -> None:
        """Authorizes the request, as a request of `principal`.

        `tag` is any object, such as the token's claims: `Request.tag` and `Notification.tag` of
        what this HTTP request causes are that object.

        `principal` must be the same string for all tokens of one user, and has 1 to 256 bytes. A
        session does not exist for any principal but the one that opened it. Streams of the request
        end after `expires_in_ms`, and their client can resume them with new credentials; 0: never.

        Raises TypeError, InvalidArgumentError, NotFoundError on a second call, and ClosedError.
        """
        name = exact("principal", principal)
        if not 0 < len(name) <= PRINCIPAL_BYTES_MAX:
            raise InvalidArgumentError(
                f"principal: {len(name)} bytes are not in 1 ... {PRINCIPAL_BYTES_MAX}; use one name"
                " for everybody if users are not told apart"
            )
        arguments = [borrowed(name), milliseconds("expires_in_ms", expires_in_ms)]
        if tag is None:
            return self._answer(library.shttp_authorization_allow, *arguments)
        key = self._authorization.key
        kept = self._tags.setdefault(key, tag)
        try:
            self._answer(library.shttp_authorization_allow_tagged, *arguments, key)
        except BaseException:
            if kept is tag and not self._state.answered:
                self._tags.pop(key, None)
            raise

    def refuse(
        self,
        reason: Literal["no_credentials", "invalid_token", "insufficient_scope"] | None = None,
        scope: str = "",
        description: str = "",
    ) -> None:
        """Refuses the request, with 401 or, for "insufficient_scope", with 403.

        The default `reason` is "no_credentials" if there is no bearer token, else "invalid_token".
        `scope` lists the scopes that are needed, separated by single spaces; `description` is for
        the developer of the client, in printable ASCII. At most 2048 bytes each.

        Raises TypeError, InvalidArgumentError, NotFoundError on a second call, and ClosedError.
        """
        if reason is None:
            reason = "no_credentials" if self.token is None else "invalid_token"
        if not isinstance(reason, str):
            raise wrong_type("reason", "a str", reason)
        if reason not in _REFUSALS:
            raise InvalidArgumentError(f"reason: {reason!r} is none of {', '.join(map(repr, _REFUSALS))}")
        self._answer(
            library.shttp_authorization_refuse,
            _REFUSALS[reason],
            _header_text("scope", scope, _SCOPES, "scopes with a space between each two"),
            _header_text("description", description, _PRINTABLE, "printable ASCII"),
        )

    def answer(self, status: int, headers: ResponseHeaders = (), body: Text = b"") -> None:
        """Answers with an HTTP response of the host's own: a redirect, a page, 429, another scheme.

        See `HTTPRequest.respond` for the arguments. Headers of CORS are added, if `cors_origins`
        admits the origin.

        Raises TypeError, InvalidArgumentError, InvalidHeaderError, NotFoundError on a second call,
        and ClosedError.
        """
        arguments = response_arguments(status, headers, body)
        self._answer(library.shttp_authorization_answer, *arguments)

    def _answer(self, function: Any, *arguments: Any) -> None:
        self._server.check_process()  # before the lock, which a thread of the parent may hold
        with self._state.lock:
            if self._state.answered:
                raise NotFoundError("the request has been allowed or refused")
            if function is library.shttp_authorization_answer:
                invoke_response(self._server, function, self._authorization, *arguments)
            else:
                self._server.invoke(function, self._authorization, *arguments)
            self._state.answered = True


def _header_text(argument: str, value: str, pattern: re.Pattern[bytes], wanted: str) -> shttp_bytes:
    data = encoded(argument, value)
    if len(data) > CHALLENGE_BYTES_MAX or not pattern.fullmatch(data):
        raise InvalidArgumentError(f"{argument}: a header takes {wanted}, at most {CHALLENGE_BYTES_MAX} bytes")
    return borrowed(data)
