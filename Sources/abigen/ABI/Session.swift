extension ABI {
    static let session: [Declaration] = sessionCommands + sessionQuestions

    private static let target = [Parameter("server", .server), Parameter("session", .session)]
    private static let message = [
        Parameter("method", .bytes, .copied), Parameter("params", .bytes, .copied),
    ]
    private static let ended = Status.notFound.when("the session has ended")
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
            "shttp_session_principal", "principal?.name",
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
