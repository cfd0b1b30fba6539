"""Whatever raises while events are taken, none of them is lost."""

import asyncio
import dis
import logging
import os
import signal
import sys
import threading
import time

import pytest

import streamablehttp
from streamablehttp import (
    Cancelled,
    CommandFailed,
    Notification,
    PrimaryOpened,
    Request,
    Server,
    SessionClosed,
    SessionOpened,
    _pump,
)
from streamablehttp._abi import shttp_event, shttp_event_kind, shttp_status
from streamablehttp._handles import Handle
from streamablehttp._library import library
from streamablehttp._pump import Pump
from streamablehttp._values import borrowed
from streamablehttp.calls import Calls
from streamablehttp.http_request import Exchanges
from streamablehttp.request import Requests
from wire import SECONDS, Client, on_asyncio

PACKAGE = os.path.dirname(streamablehttp.__file__)


@pytest.fixture
def reported(monkeypatch):
    """What nobody could be given."""
    raised = []
    monkeypatch.setattr(sys, "unraisablehook", lambda hook: raised.append(hook.exc_value))
    return raised


# ---- Without a library: every point of the code is tried -------------------------


class Batches:
    """A pump that takes these batches in place of the library's."""

    def __init__(self, *batches):
        self.failed = []
        self._batches = list(batches)
        self._handle = Handle("server", lambda pointer: None)
        self._handle.invoke = self._invoke
        self.calls = Calls(self._handle)
        self.requests = Requests(self.calls)
        self.pump = Pump(self.calls, self.requests, Exchanges(self._handle, 1), -1)

    def _invoke(self, function, *arguments):
        if function is library.shttp_request_fail:
            return self.failed.append(arguments[0].key)
        assert function is library.shttp_server_take_events_sized
        room, _, capacity, count = arguments
        batch = self._batches.pop(0)
        assert len(batch) <= capacity
        for index, raw in enumerate(batch):
            room[index] = raw
        count._obj.value = len(batch)

    def called(self):
        """A call, which an answer is for that has this call_data: 1."""
        self._handle.invoke = lambda *arguments: None
        call = self.calls.make(None, None, "roots/list", None, None)
        self._handle.invoke = self._invoke
        return call

    def handed_over(self):
        return [type(event) for event in iter(self.pump.hand_over, None)]


def event(kind, status=0, session=0, request=0, call=0, call_data=None, **texts):
    raw = shttp_event(kind=shttp_event_kind[f"SHTTP_EVENT_{kind}"], status=status)
    raw.session.key, raw.request.key, raw.call.key = session, request, call
    raw.call_data = call_data
    for name, text in texts.items():
        setattr(raw, name, borrowed(text.encode() if isinstance(text, str) else text))
    return raw


def every_kind():
    return [
        event("SESSION_OPENED", session=1, wire_id="id", revision="2025-11-25"),
        event("PRIMARY_OPENED", session=1),
        event("REQUEST", session=1, request=1, method="a", id="1", message='{"params":{}}'),
        event("LOG", text="a line"),
        event("REQUEST", session=1, request=2, method="b", id="2", message="{}"),
        event("NOTIFICATION", session=1, method="c", message="{}"),
        event("RESPONSE", session=1, call=1, call_data=1, message='{"result":{"n":1}}'),
        event("CANCELLED", shttp_status.SHTTP_ERR_CANCELLED, request=1, message="{}"),
        event("COMMAND_FAILED", shttp_status.SHTTP_ERR_LIMIT, session=1),
        event("SESSION_CLOSED", session=1),
        event("CLOSED"),
    ]


KINDS = [
    SessionOpened,
    PrimaryOpened,
    Request,
    Request,
    Notification,
    Cancelled,
    CommandFailed,
    SessionClosed,
]


class Interruption:
    """Raises at the nth point of the package where the interpreter may run a signal handler.

    Those are the entries of functions, the ends of calls and the jumps backward.
    """

    def __init__(self, at, kind):
        self._left = at
        self._kind = kind
        self._before = {}
        self._trace = self._look  # one object: CPython 3.11 loses count of several
        self.has_come = False

    def _look(self, frame, what, argument):
        if os.path.dirname(frame.f_code.co_filename) != PACKAGE:
            return None
        frame.f_trace_opcodes = True
        if what == "opcode" and not self.has_come:
            before = self._before.get(frame, "RESUME")
            self._before[frame] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if before.startswith(("RESUME", "CALL", "JUMP_BACKWARD", "JUMP_ABSOLUTE")):
                self._left -= 1
            if self._left < 0:
                self._before.clear()
                self.has_come = True
                raise self._kind("by a signal handler")
        return self._trace

    def __enter__(self):
        sys.settrace(self._trace)
        return self

    def __exit__(self, *error):
        sys.settrace(None)
        self._before.clear()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, TimeoutError])
def test_an_interruption_loses_nothing_wherever_it_comes(kind, reported, caplog):
    with Interruption(sys.maxsize, kind):
        Batches(every_kind()).pump.take()  # CPython 3.12 sees no opcodes the first time
    at, has_come = 0, True
    while has_come:
        one = Batches(every_kind(), [])
        call = one.called()
        raised = False
        with Interruption(at, kind) as interruption:
            try:
                one.pump.take()
            except kind:
                raised = True
        has_come = interruption.has_come
        if raised and not one.pump.closed:
            one.pump.take()  # it came before the batch
        assert raised is has_come or reported, at
        events = list(iter(one.pump.hand_over, None))
        assert [type(event) for event in events] == KINDS, at
        assert call.result(0) == {"n": 1}, at
        assert (events[2].cancelled, events[3].cancelled) == (True, True), at
        assert events[5].request is events[2], at
        assert events[0].session is events[-1].session and events[0].session.closed, at
        assert not one.pump.sessions and one.pump.closed, at
        assert not one.calls.open, at
        # In the midst of logging it cannot be told from what the host's logging raises.
        assert "a line" in caplog.text or reported, at
        assert len(reported) <= 1
        reported.clear()
        caplog.clear()
        del events
        assert not one.failed and not one.requests.alive, at
        at += 1
    assert at > 100


def test_an_interruption_loses_nothing_while_an_event_is_handed_over(reported):
    at, has_come = 0, True
    while has_come:
        one = Batches(every_kind()[:-2], [])
        one.pump.take()
        seen = []
        with Interruption(at, KeyboardInterrupt) as interruption:
            try:
                while (event := one.pump.hand_over()) is not None:
                    seen.append(type(event))
            except KeyboardInterrupt:
                event = None
        has_come = interruption.has_come
        missing = KINDS[len(seen) : -1]
        rest = one.handed_over()
        # The one that is on its way goes with the frame that has it.
        assert rest == missing or rest == missing[1:], at
        # In time or not, nobody holds it, and the other is cancelled. In the midst of __del__
        # the interpreter keeps the interruption to itself.
        assert one.failed == [2] or len(reported) == 1, at
        reported.clear()
        at += 1


def test_several_interruptions(monkeypatch, reported):
    """The first is raised, and none is swallowed."""
    raised = [KeyboardInterrupt("first"), TimeoutError("second"), KeyboardInterrupt("third")]
    left = list(raised)

    def interrupted(pump, raw):
        if left:
            raise left.pop(0)
        return Pump._notification(pump, raw)

    readers = {**_pump._READERS, shttp_event_kind.SHTTP_EVENT_NOTIFICATION: interrupted}
    monkeypatch.setattr(_pump, "_READERS", readers)
    one = Batches(every_kind(), [event("NOTIFICATION", method="c", message="{}")])
    with pytest.raises(KeyboardInterrupt, match="first"):
        one.pump.take()
    assert reported == raised[1:]
    assert one.handed_over() == KINDS
    assert one.pump.closed and not one.pump._read


def test_an_event_that_cannot_be_read_is_reported_and_the_others_come(monkeypatch, reported):
    one = Batches(every_kind())

    def unreadable(pump, raw):
        raise AssertionError("a bug of ours")

    readers = {**_pump._READERS, shttp_event_kind.SHTTP_EVENT_NOTIFICATION: unreadable}
    monkeypatch.setattr(_pump, "_READERS", readers)
    one.pump.take()
    assert one.handed_over() == [kind for kind in KINDS if kind is not Notification]
    assert [str(problem) for problem in reported] == ["a bug of ours"]


def test_text_that_is_no_utf_8():
    one = Batches(
        [
            event("SESSION_OPENED", session=1, wire_id=b"i\xff", principal=b"\xff", revision=b"r"),
            event("REQUEST", session=1, request=1, method=b"m\xff", principal=b"\xff", id=b"1"),
            event("NOTIFICATION", session=1, method=b"\xed\xa0\x80"),
            event("LOG", text=b"\xff"),
            event("AUTHORIZE", http_method=b"\xff", target=b"/\xff", scheme=b"\xff"),
        ]
    )
    one.pump.take()
    opened, request, notification, authorization = iter(one.pump.hand_over, None)
    assert (opened.session.id, opened.session.principal) == ("i\ufffd", "\ufffd")
    assert (request.method, request.principal) == ("m\ufffd", "\ufffd")
    assert notification.method == "\ufffd" * 3
    assert authorization.target == "/\xff"


def test_an_answer_that_is_nested_too_deeply_ends_its_call():
    """The interpreter's limit may be below the one that the host has set."""
    nested = "[" * 200_000 + "]" * 200_000
    answer = event("RESPONSE", call=1, call_data=1, message=f'{{"result":{nested}}}')
    one = Batches([answer, event("NOTIFICATION", method="c", message="{}")])
    call = one.called()
    one.pump.take()
    with pytest.raises(streamablehttp.InvalidMessageError, match="cannot be read"):
        call.result(0)
    assert one.handed_over() == [Notification]


# ---- With a library -----------------------------------------------------------


def filled(server):
    """Has events of every kind wait in the library's queue: those between are lines of its log."""
    client = Client(server.port)
    client.initialize()
    exchanges = []
    for number in range(10):
        assert client.send("GET", Host="evil.example").status == 403
        exchanges.append(client.request("x", {"n": number}))
        while server.stats()["requests"] <= number:
            pass
    return exchanges


def refuse(record):
    raise RuntimeError("a filter of the host's")


@pytest.fixture
def refused():
    logger = logging.getLogger("streamablehttp")
    logger.addFilter(refuse)
    yield
    logger.removeFilter(refuse)


def test_logging_that_raises(refused, reported):
    with Server(name="x", log_level="debug") as server:
        exchanges = filled(server)
        answered = 0
        for event in server:
            if isinstance(event, Request):
                event.respond(event.params)
                answered += 1
                if answered == len(exchanges):
                    break
        assert [exchange.next()["result"]["n"] for exchange in exchanges] == list(range(10))
    assert len(reported) >= 10
    assert {str(problem) for problem in reported} == {"a filter of the host's"}


@on_asyncio
async def test_logging_that_raises_on_asyncio(refused, reported):
    async with Server(name="x", log_level="debug") as server:
        exchanges = await asyncio.to_thread(filled, server)
        answered = 0
        async for event in server.events():
            if isinstance(event, Request):
                event.respond(event.params)
                answered += 1
                if answered == len(exchanges):
                    break
        for number, exchange in enumerate(exchanges):
            assert (await asyncio.to_thread(exchange.next))["result"]["n"] == number
    assert len(reported) >= 10


def test_a_signal_handler_that_raises(reported):
    """Fires all the time: the iteration can be taken up again, and all is there."""
    server = Server(name="x")
    sent, outcome, interruptions = [], [], []

    class Alarm(Exception):
        pass

    def expire(number, frame):
        # Elsewhere the event is on its way to the host, or the host's to lose.
        while frame is not None:
            if frame.f_code is Pump.take.__code__:
                raise Alarm
            frame = frame.f_back

    def talk():
        client = Client(server.port)
        client.initialize()
        end = time.monotonic() + SECONDS
        while len(interruptions) < 5 and time.monotonic() < end:
            assert client.notify("n", {"n": len(sent)}).status == 202
            sent.append(len(sent))
        server.close()

    thread = threading.Thread(target=talk)
    before = signal.signal(signal.SIGPROF, expire)
    signal.setitimer(signal.ITIMER_PROF, 0.0005, 0.0005)
    try:
        thread.start()
        while not server.closed:
            try:
                for event in server:
                    if isinstance(event, Notification) and event.method == "n":
                        outcome.append(event.params["n"])  # noqa: PERF401
            except Alarm:
                interruptions.append(len(outcome))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    thread.join(SECONDS)
    assert outcome == sent
    assert len(interruptions) >= 5


def test_waiting_for_an_answer_while_events_are_taken():
    """A callback of a call runs there; it would wait for itself."""
    server = Server(name="x")
    outcome = []

    def talk():
        client = Client(server.port)
        client.initialize()
        exchange = client.request("x")
        client.answer(exchange.next(), {})
        outcome.extend(exchange.messages)
        server.close()

    thread = threading.Thread(target=talk)
    thread.start()
    for event in server:
        if isinstance(event, Request):

            def called(call, event=event):
                with pytest.raises(RuntimeError, match="elsewhere"):
                    event.call("ping").result()
                event.respond({"n": 1})

            event.call("roots/list").add_done_callback(called)
            del event
    thread.join(SECONDS)
    assert outcome[0]["method"] == "ping" and outcome[1]["result"] == {"n": 1}
