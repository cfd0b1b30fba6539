"""What fork_host.c is, on the Python package: the tool `fork {kind}` forks in the middle of the events.

del      the child lets go of its server, which is collected
close    it closes it
with     it leaves the server's `with`
exit     it leaves it by sys.exit()
nothing  it comes to its end, and the server is still there
serve    it has a server of its own, and ends with the tool `bye`
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading

from streamablehttp import Request, Server

CHILD_SECONDS = 3
"""A child that hangs ends then."""


class Birth(BaseException):
    """This is a child from here on."""

    def __init__(self, kind):
        self.kind = kind


def say(text):
    os.write(1, text.encode() + b"\n")


def name_of(server):
    return f"unix:{server.unix_path}" if server.unix_path else server.url


def answer(server, who):
    """Answers all, until the server has closed or somebody says bye."""
    for event in server:
        if not isinstance(event, Request):
            continue
        tool = event.params.get("name")
        if tool == "notify":
            event.session.notify("notifications/parent", {})
        if tool == "fork":
            fork(event.params["arguments"]["kind"])
        event.respond({"content": [], "value": who})
        if tool == "bye":
            server.close()


def fork(kind):
    process = os.fork()
    if process == 0:
        signal.alarm(CHILD_SECONDS)
        raise Birth(kind)
    threading.Thread(target=await_child, args=(process, kind), daemon=True).start()


def await_child(process, kind):
    _, status = os.waitpid(process, 0)
    if os.WIFSIGNALED(status):
        say(f"child {kind} signal {os.WTERMSIG(status)}")
    else:
        say(f"child {kind} status {os.WEXITSTATUS(status)}")


def main():
    path = sys.argv[2].removeprefix("unix:") if sys.argv[1:2] == ["--listen"] else None
    server = Server(name="parent", capabilities={"tools": {}}, unix_path=path)
    say(f"listening on {name_of(server)}")
    kind = None
    try:
        answer(server, "parent")
    except Birth as birth:
        kind = birth.kind
    match kind:
        case "del":
            del server
            gc.collect()
        case "close":
            server.close()
        case "with":
            with server:
                pass
        case "exit":
            with server:
                sys.exit(0)
        case "serve":
            with Server(name="child") as own:
                say(f"listening on {name_of(own)}")
                answer(own, "child")


if __name__ == "__main__":
    main()
