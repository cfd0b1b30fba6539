"""Requests that the host makes to a client."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import threading
import time
from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import InvalidStateError
from ctypes import byref
from typing import Any, Callable, Protocol

from ._abi import shttp_call, shttp_request, shttp_session, shttp_status
from ._handles import Commands
from ._library import error, library
from ._recorder import Recorder
from ._values import load, message_params, method_name, seconds
from .errors import ClientError, ClosedError, InvalidMessageError, StreamableHTTPError

LOOK_SECONDS = 0.5
"""How often a waiting thread checks whether another thread still takes the events."""


class Call(concurrent.futures.Future[Any]):
    """The client's future response: await it, or call `result()` on a thread.

    Both return the client's result, or raise ClientError for its JSON-RPC error and a
    StreamableHTTPError if there is no response (SessionEndedError, NoCapabilityError, ...). A
    timeout or a cancelled task cancels the call: a session's client gets notifications/cancelled,
    and a late response is dropped.
    """

    def __init__(self, calls: Calls, token: int, timeout: float | None) -> None:
        super().__init__()
        self._calls = calls
        self._token = token
        self._timeout = timeout
        self._call = shttp_call()
        self._is_own = False
        """Whether it asks the library, and not the client: that cannot be stopped."""

    def __await__(self) -> Generator[Any, None, Any]:
        """Raises asyncio.TimeoutError after the `timeout` (seconds) that the call was made with."""
        self._check_process()
        return asyncio.wait_for(asyncio.wrap_future(self), self._timeout).__await__()

    def result(self, timeout: float | None = None) -> Any:
        """Waits on this thread, by default for the `timeout` (seconds) of the call.

        Raises concurrent.futures.TimeoutError. On the thread that iterates over the server, and
        while no thread iterates, events are taken in the meantime and queued for the iteration. On
        the thread of an asyncio loop that iterates over it, the response could never arrive:
        RuntimeError.
        """
        self._wait(timeout)
        try:
            return super().result(0)
        except concurrent.futures.TimeoutError:
            self.cancel()
            raise

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Waits like `result()`, and returns the exception that it would raise, or None."""
        self._wait(timeout)
        try:
            return super().exception(0)
        except concurrent.futures.TimeoutError:
            self.cancel()
            raise

    def cancel(self) -> bool:
        """Cancels the call; False if it has already ended. [any thread]"""
        if self._calls.remove(self._token) is None:
            return False
        try:
            if not self._is_own:
                self._calls.server.invoke(library.shttp_call_close, self._call)
        except StreamableHTTPError:
            pass  # it has ended, or the client cannot be notified
        return super().cancel()

    def _wait(self, timeout: float | None) -> None:
        """Waits for the call or the timeout, and takes events if there is no other consumer."""
        timeout = self._timeout if timeout is None else seconds("timeout", timeout)
        self._check_process()
        end = None if timeout is None else time.monotonic() + timeout
        rest = timeout
        while not self.done() and (rest is None or rest > 0):
            if not self._calls.take_until(self.done, rest):
                slice = LOOK_SECONDS if rest is None else min(rest, LOOK_SECONDS)
                concurrent.futures.wait([self], slice)
            rest = None if end is None else end - time.monotonic()

    def _check_process(self) -> None:
        """Raises ClosedError in a forked child, where no response can arrive."""
        if not self.done():
            self._calls.server.check_process()


class Asking:
    """What a client can be asked for, by a `Request` or a `Session`. [any thread]"""

    def call(self, method: str, params: Any = None, timeout: float | None = None) -> Call:
        raise NotImplementedError

    def _answering(self) -> Calls:
        """The calls of the server. Raises if this has ended."""
        raise NotImplementedError

    def _declared(self) -> dict[str, Any] | None:
        """The capabilities of the client; None if the library checks them."""
        raise NotImplementedError

    def elicit(self, message: str, schema: Mapping[str, Any], timeout: float | None = None) -> Call:
        """Asks the client's user for what `schema`, a JSON Schema of an object, describes.

        The result is a dict with an `action`, which is accept, decline or cancel, and with accept
        the `content`. Session revisions have this since 2025-06-18. `timeout` is in seconds.

        Like `call`; if the client has not declared elicitation, the Call raises NoCapabilityError.
        """
        return self._ask("elicitation", "elicitation/create", {"message": message, "requestedSchema": schema}, timeout)

    def sample(
        self,
        messages: Iterable[Mapping[str, Any]],
        max_tokens: int,
        *,
        system_prompt: str | None = None,
        temperature: float | None = None,
        stop_sequences: Iterable[str] | None = None,
        model_preferences: Mapping[str, Any] | None = None,
        include_context: str | None = None,
        tools: Iterable[Mapping[str, Any]] | None = None,
        tool_choice: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Call:
        """Asks the client's model; the result is a dict with `role`, `content` and `model`.

        The arguments are those of sampling/createMessage, which MCP describes; `timeout` is in
        seconds. `tools` and `tool_choice` need a client that has declared sampling.tools.

        Like `call`; if the client has not declared sampling, the Call raises NoCapabilityError.
        """
        more = {
            "systemPrompt": system_prompt,
            "temperature": temperature,
            "stopSequences": None if stop_sequences is None else list(stop_sequences),
            "modelPreferences": model_preferences,
            "includeContext": include_context,
            "tools": None if tools is None else list(tools),
            "toolChoice": tool_choice,
            "metadata": metadata,
        }
        params = {"messages": list(messages), "maxTokens": max_tokens}
        params.update((name, value) for name, value in more.items() if value is not None)
        return self._ask("sampling", "sampling/createMessage", params, timeout)

    def list_roots(self, timeout: float | None = None) -> Call:
        """Asks for the client's roots; the result is a dict with a list, `roots`.

        `timeout` is in seconds. Like `call`; if the client has not declared roots, the Call raises
        NoCapabilityError.
        """
        return self._ask("roots", "roots/list", None, timeout)

    def _ask(self, capability: str, method: str, params: Any, timeout: float | None) -> Call:
        """A call, if the client has declared that it can answer it."""
        calls, declared = self._answering(), self._declared()
        if declared is not None and capability not in declared:
            return calls.failed(error(shttp_status.SHTTP_ERR_NO_CAPABILITY))
        return self.call(method, params, timeout)


class EventTaker(Protocol):
    """What can take a server's events while a thread waits for a response."""

    def take_until(self, done: Callable[[], bool], timeout: float | None) -> bool:
        """Takes events until `done` or `timeout`; False if another thread takes them."""


class Calls:
    """The open calls of one server. Every method may be called on any thread."""

    def __init__(self, server: Commands) -> None:
        self.server = server
        self.taker: EventTaker | None = None
        self.open: dict[int, Call] = {}
        self._tokens = itertools.count(1)
        self._rooms: dict[tuple[bool, int], list[int]] = {}
        """Who waits for room, by whether the stream is a request's, and its key."""
        self._lock = threading.RLock()

    def make(self, function: Any, target: Any, method: str, params: Any, timeout: float | None) -> Call:
        """Makes a call with `function`: shttp_request_call or shttp_session_call."""
        name, json_params = method_name(method), message_params(params)
        call = Call(self, next(self._tokens), seconds("timeout", timeout))
        # The response may arrive on another thread before the function has returned.
        self.open[call._token] = call
        if isinstance(self.server, Recorder):
            self.server.invoke(function, target, name, json_params, call)
            return call
        try:
            self.server.invoke(function, target, name, json_params, call._token, byref(call._call))
        except BaseException:
            self.remove(call._token)
            raise
        return call

    def failed(self, error: StreamableHTTPError) -> Call:
        """A call that was not made, because it could not succeed."""
        call = Call(self, next(self._tokens), None)
        call.set_exception(error)
        return call

    def list_sessions(self, after: int, limit: int, timeout: float | None) -> Call:
        """Asks for a page of the list of sessions."""
        call = Call(self, next(self._tokens), seconds("timeout", timeout))
        call._is_own = True
        self.open[call._token] = call
        try:
            self.server.invoke(library.shttp_server_sessions, after, limit, call._token)
        except BaseException:
            self.remove(call._token)
            raise
        return call

    def room(self, function: Any, target: shttp_request | shttp_session) -> Call:
        """Asks for room on a stream: shttp_request_when_writable or shttp_session_when_writable."""
        call = Call(self, next(self._tokens), None)
        call._is_own = True
        if isinstance(self.server, Recorder):
            self.server.invoke(function, target)
            call.set_result(None)
            return call
        self.open[call._token] = call
        with self._lock:
            self._rooms.setdefault((isinstance(target, shttp_request), target.key), []).append(call._token)
        try:
            # Even if others wait: their event may be about to be read.
            self.server.invoke(function, target)
        except BaseException:
            self.remove(call._token)
            raise
        return call

    def end_room(self, is_request: bool, key: int, status: int) -> None:
        """There is room, or will never be. May be repeated after an interruption."""
        with self._lock:
            tokens = list(self._rooms.get((is_request, key), ()))
        for token in tokens:
            self._complete(token, error(status) if status else None)
        with self._lock:
            waiting = self._rooms.get((is_request, key), [])
            waiting[:] = [token for token in waiting if token not in tokens]
            if not waiting:
                self._rooms.pop((is_request, key), None)

    def remove(self, token: int) -> Call | None:
        """Removes and returns a call. Only the caller that gets it may cancel it."""
        return self.open.pop(token, None)

    def end(self, token: int, status: int, message: bytes) -> None:
        """Completes a call with the client's response, or with a status instead of it.

        May be repeated after an interruption, so the call is removed last.
        """
        outcome = error(status) if status else _outcome(message)
        self._complete(token, outcome if isinstance(outcome, Exception) else outcome.get("result"))

    def end_list(self, token: int, message: bytes) -> None:
        """Completes a call for a list with its page. May be repeated, too."""
        self._complete(token, load(message))

    def _complete(self, token: int, outcome: Any) -> None:
        call = self.open.get(token)
        if call is None:
            return
        try:
            if isinstance(outcome, Exception):
                call.set_exception(outcome)
            else:
                call.set_result(outcome)
        except InvalidStateError:
            pass  # it was cancelled
        self.remove(token)

    def end_all(self) -> None:
        """Fails all open calls after the server has closed."""
        for token in list(self.open):
            call = self.remove(token)
            if call is not None and not call.done():
                call.set_exception(ClosedError("the server has closed"))

    def take_until(self, done: Callable[[], bool], timeout: float | None) -> bool:
        """Takes events until `done` or `timeout`; False if another thread takes them, or nobody."""
        return self.taker is not None and self.taker.take_until(done, timeout)

    def forget(self) -> None:
        """For a forked child: the responses go to the parent."""
        self.open.clear()
        self._rooms.clear()
        self._lock = threading.RLock()


def _outcome(message: bytes) -> Exception | dict[str, Any]:
    """A client's JSON-RPC response, or the exception for it."""
    try:
        response: dict[str, Any] = load(message)
    except (RecursionError, ValueError) as problem:
        return InvalidMessageError(f"the client's answer cannot be read: {problem}")
    failure = response.get("error")
    if failure is None:
        return response
    return ClientError(failure.get("code", 0), failure.get("message", ""), failure.get("data"))
