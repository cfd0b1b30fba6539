"""What takes the commands of events that were built without a server, as in tests of a host."""

from __future__ import annotations

import math
from typing import Any, Callable

from ._abi import shttp_bytes
from ._handles import Commands
from ._values import copied, load

Sent = tuple[Any, ...]

_JSON = {"respond": {0}, "fail": {2}, "fail_in_band": {2}, "log": {2}, "notify": {1}, "call": {1}}
"""The arguments that are JSON, by command."""


class Recorder:
    """Keeps the commands as tuples of a name and the arguments."""

    closed = False
    is_forked = False

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    def invoke(self, function: Callable[..., Any], target: Any, *arguments: Any) -> None:
        name = function.__name__.split("_", 2)[2]  # shttp_request_respond
        values = (_value(one, at in _JSON.get(name, ())) for at, one in enumerate(arguments))
        self.sent.append((name, *values))

    def check_process(self) -> None:
        pass


def sent(commands: Commands) -> list[Sent]:
    """What a recorder has recorded. A server keeps no record."""
    return commands.sent if isinstance(commands, Recorder) else []


def _value(argument: Any, is_json: bool) -> Any:
    if isinstance(argument, shttp_bytes):
        if is_json:
            return load(copied(argument)) if argument.len else None
        return copied(argument).decode()
    is_unknown = isinstance(argument, float) and math.isnan(argument)  # a total
    return None if is_unknown else argument
