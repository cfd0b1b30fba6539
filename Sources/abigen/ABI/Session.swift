extension ABI {
    static let session: [Declaration] = sessionCommands + sessionQuestions

    private static let target = [Parameter("server", .server), Parameter("session", .session)]
    private static let message = [
        Parameter("method", .bytes, .copied), Parameter("params", .bytes, .copied),
    ]
    private static let ended = Status.notFound.when("the session has ended")
    private static let next = Version(minor: 2, patch: 0)
    private static let full = Status.limit.when("the mailbox or the queue of commands is full")

    private static let sessionCommands: [Declaration] = [
        .section(
            "Sessions",
            doc: """
                Messages that belong to no request. They go to the session's primary stream, and are
                queued in its mailbox while none is attached. As for requests, a command from
                another thread is queued, and may fail later with SHTTP_EVENT_COMMAND_FAILED.
                """),
        .function(
            Function(
                "shttp_session_notify", .anyThread,
                """
                Sends a notification to the client of a session.

                `params` is a JSON object or array, or empty for none.
                """,
                target + message,
                statuses: [
                    .ok, .invalidArgument, .invalidMessage, .tooDeep, ended, .stateless, full,
                    .closed,
                ], mayIgnore: true,
                maps: .command("notify($session, method: $method, params: $params)"))),
        .function(
            Function(
                "shttp_session_call", .anyThread,
                """
                Makes a request to the client of a session, such as roots/list.

                The host receives the response as SHTTP_EVENT_RESPONSE, with `call_data` and with
                the call that is written to `*out`; `out` may be NULL. `params` is a JSON object or
                array, or empty for none. If this function fails, there is no such event. While the
                host serves a request, prefer shttp_request_call(): it needs no primary stream.
                """,
                target + message + [
                    Parameter("call_data", .address, .kept), Parameter("out", .pointer(.call)),
                ],
                statuses: [
                    .ok, .invalidArgument, .invalidMessage, .tooDeep, ended, .stateless, .notReady,
                    full,
                    .closed,
                ], maps: .call("call($session, method: $method, params: $params, data: $call_data)")
            )),
        .function(
            Function(
                "shttp_session_hang_up", .anyThread,
                """
                Closes the connection of the session's primary stream, and keeps the stream.

                The client is told to reconnect after `retry_ms`; messages are queued in the
                mailbox.
                """,
                target + [Parameter("retry_ms", .uint32)],
                statuses: [
                    .ok, .invalidArgument, ended, .noStream.when("no primary is attached"),
                    .limit, .closed, .stateless, .notResumable,
                ], maps: .command("hangUp($session, retry: Int64($retry_ms))"))),
        .function(
            Function(
                "shttp_session_when_writable", .anyThread,
                """
                Asks to be told when the session's primary stream has room: SHTTP_EVENT_WRITABLE
                follows once, at once if it has.

                As shttp_request_when_writable(). While no primary is attached, there is room if
                the mailbox is less than half full; else the event waits for the client to open
                the stream and read. After SHTTP_ERR_LIMIT of shttp_session_notify(), this tells
                when to try again.
                """,
                target, statuses: [.ok, .invalidArgument, ended, .closed],
                mayIgnore: true, maps: .command("whenWritable($session)"), since: next)),
        .function(
            Function(
                "shttp_session_close", .anyThread,
                """
                Ends a session, with its streams and requests.

                The host gets SHTTP_EVENT_SESSION_CLOSED. Later requests of the client get HTTP
                status 404, which tells it to initialize again.
                """,
                target, statuses: [.ok, .invalidArgument, ended, .limit, .closed],
                mayIgnore: true, maps: .command("close($session)"))),
        .function(
            Function(
                "shttp_server_broadcast", .anyThread,
                """
                Sends one notification to the client of every session.

                `params` is a JSON object or array, or empty for none. A session whose mailbox is
                full does not receive it, and the log reports that.
                """,
                [Parameter("server", .server)] + message,
                statuses: [
                    .ok, .invalidArgument, .invalidMessage, .tooDeep, .stateless,
                    .limit.when("the queue of commands is full"), .closed,
                ], mayIgnore: true, maps: .command("broadcast($method, $params)"))),
        .enumeration(
            Enumeration(
                name: "shttp_change", doc: "What has changed, for shttp_server_publish().",
                cases: [
                    EnumCase("SHTTP_CHANGE_TOOLS", 0, "The list of tools.", since: next),
                    EnumCase("SHTTP_CHANGE_PROMPTS", 1, "The list of prompts.", since: next),
                    EnumCase("SHTTP_CHANGE_RESOURCES", 2, "The list of resources.", since: next),
                    EnumCase(
                        "SHTTP_CHANGE_RESOURCE", 3, "One resource, which has a URI.", since: next),
                ])),
        .function(
            Function(
                "shttp_server_publish", .anyThread,
                """
                Tells the clients that want to know that something has changed.

                With 2026-07-28 these are the streams of subscriptions/listen that have asked for
                it. Sessions get it on their primary streams: a change of a list all of them, and
                that of one resource those that have subscribed to it, if keep_subscriptions is on.
                A client that has not yet read of an earlier change is not told twice.

                `uri` is that of the resource with SHTTP_CHANGE_RESOURCE, and empty otherwise.
                """,
                [
                    Parameter("server", .server), Parameter("change", .enumeration("shttp_change")),
                    Parameter("uri", .bytes, .copied),
                ],
                statuses: [
                    .ok, .invalidArgument, .invalidMessage.when("the URI is not UTF-8"),
                    .limit.when("the queue of commands is full"), .closed,
                ], mayIgnore: true,
                maps: .command("publish(change, $uri)", requires: "let change = Change(change)"),
                since: next)),
        .function(
            Function(
                "shttp_server_set_tools", .anyThread,
                """
                Says what the tools' parameters are, so that headers which repeat them can be
                checked (MCP 2026-07-28, x-mcp-header).

                `tools` is a JSON array of objects with name and inputSchema, as in the result of
                tools/list; everything else is ignored, and so are parameters without x-mcp-header.
                From then on a tools/call whose Mcp-Param- headers contradict its arguments is
                refused with HTTP status 400. Call it again when the tools change; each call
                replaces what was said before. A tool whose annotations are invalid is not checked,
                and the log says why.
                """,
                [Parameter("server", .server), Parameter("tools", .bytes, .copied)],
                statuses: [
                    .ok, .invalidArgument,
                    .invalidMessage.when("it is not an array of objects with names"), .tooDeep,
                    .limit.when("the queue of commands is full"), .closed,
                ], maps: .command("setTools($tools)"), since: next)),
        .function(
            Function(
                "shttp_session_set_data", .loopThread,
                """
                Attaches a pointer of the host to a session. It replaces the previous one.

                Every event of the session contains it. The library never frees it: do so at
                SHTTP_EVENT_SESSION_CLOSED. A host that takes events from the queue, with a loop on
                another thread, cannot call this: keep a table by session.key instead.
                """,
                target + [Parameter("data", .address, .kept)], statuses: questionOutcome,
                mayIgnore: true, maps: .action("engine.attach($data, to: $session)"))),
    ]

    private static let questionOutcome: [Status] = [.ok, .invalidArgument, .wrongThread, ended]

    private static let sessionQuestions: [Declaration] = [
        .function(
            Function(
                "shttp_session_data", .loopThread,
                "The pointer of shttp_session_set_data(); NULL if none was set.",
                target + [Parameter("out", .pointer(.address))], statuses: questionOutcome,
                maps: .question("try engine.session($session).data"))),
        question(
            "shttp_session_wire_id", "wireID",
            """
            The session's Mcp-Session-Id.\n\nIt is a secret that gives access to the session: do not
            log it.
            """),
        question(
            "shttp_session_revision", "state.revision?.text",
            "The protocol revision of a session, such as 2025-11-25."),
        question(
            "shttp_session_principal", "principal?.name ?? .init(start: nil, count: 0)",
            "The principal that opened a session; empty without authorization."),
        question(
            "shttp_session_client_info", "clientInfo",
            "The clientInfo that the client sent with initialize, a JSON object."),
        question(
            "shttp_session_client_capabilities", "clientCapabilities",
            "The capabilities that the client sent with initialize, a JSON object."),
    ]

    private static func question(
        _ name: String, _ property: String, _ doc: String
    ) -> Declaration {
        .function(
            Function(
                name, .loopThread, doc,
                target + [Parameter("out", .pointer(.bytes), .borrowed(until: .sessionEnds))],
                statuses: questionOutcome,
                maps: .question("shttp_bytes(try engine.session($session).\(property))")))
    }
}
