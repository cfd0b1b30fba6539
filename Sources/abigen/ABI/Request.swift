extension ABI {
    static let request: [Declaration] = answers + messages + calls + headers

    /// The statuses that every command on a request may return.
    private static let outcome: [Status] = [
        .ok, .invalidArgument, .invalidMessage, .tooDeep,
        .notFound.when("the request was answered or cancelled, or its session has ended"),
        .disconnected, .limit, .closed,
    ]

    private static let next = Version(minor: 2, patch: 0)
    private static let target = [Parameter("server", .server), Parameter("request", .request)]

    private static let answers: [Declaration] = [
        .section(
            "Requests",
            doc: """
                Answer every SHTTP_EVENT_REQUEST once, with shttp_request_respond() or
                shttp_request_fail(). Before that, the functions below send messages that belong to
                the request.

                On the loop's thread a command is executed before it returns. On another thread it
                is checked, copied and queued in order: SHTTP_OK then means queued, and if it fails
                later the host gets SHTTP_EVENT_COMMAND_FAILED.

                JSON may contain newlines. It is sent, and kept for replay, on one line: each CR or
                LF becomes a space, and whitespace before and after the JSON is removed.
                """),
        .function(
            Function(
                "shttp_request_respond", .anyThread,
                """
                Answers a request with a result, and ends its stream.

                `result` is a JSON value, for MCP an object: only the result, not the whole
                response, which the library builds. With SHTTP_ERR_DISCONNECTED the client has
                disconnected and the result is dropped. The request is closed afterwards, except
                with SHTTP_ERR_INVALID_MESSAGE, SHTTP_ERR_LIMIT and SHTTP_ERR_INVALID_ARGUMENT.
                """,
                target + [Parameter("result", .bytes, .copied)], statuses: outcome,
                maps: .command("respond($request, $result)"))),
        .function(
            Function(
                "shttp_request_fail", .anyThread,
                """
                Answers a request with a JSON-RPC error, and ends its stream.

                `message` is plain text. `data` is a JSON value, or empty for none. Common codes are
                -32601, method not found, and -32602, invalid parameters. A tool that fails is not
                such an error: answer with a result that has isError.

                With 2026-07-28 the code decides the HTTP status while nothing has been sent: 404
                for -32601, and 400 for -32700, -32600, -32602, -32020, -32021 and -32022.
                """,
                target + [
                    Parameter("code", .int32), Parameter("message", .bytes, .copied),
                    Parameter("data", .bytes, .copied),
                ], statuses: outcome,
                maps: .command("fail($request, code: $code, message: $message, data: $data)"))),
        .function(
            Function(
                "shttp_request_fail_in_band", .anyThread,
                """
                The same, but with HTTP status 200 whatever the code is.

                For an error that another server has given and that is passed on: a status of its
                own would say that this server found it (MCP 2026-07-28).
                """,
                target + [
                    Parameter("code", .int32), Parameter("message", .bytes, .copied),
                    Parameter("data", .bytes, .copied),
                ], statuses: outcome,
                maps: .command(
                    """
                    fail($request, code: $code, message: $message, data: $data, isInBand: true)
                    """), since: Version(minor: 2, patch: 0))),
    ]

    private static let messages: [Declaration] = [
        .function(
            Function(
                "shttp_request_progress", .anyThread,
                """
                Sends the progress of a request to the client.

                `progress` must be finite and increase with each call. A `total` that is 0, negative
                or NaN means unknown, and `message` may be empty. If the client sent no
                progressToken, it does not want progress: nothing is sent, and SHTTP_OK is returned.
                """,
                target + [
                    Parameter("progress", .double), Parameter("total", .double),
                    Parameter("message", .bytes, .copied),
                ], statuses: outcome + [.jsonResponse], mayIgnore: true,
                maps: .command(
                    """
                    progress($request, $progress, \
                    total: $total > 0 && $total.isFinite ? $total : nil, message: $message)
                    """,
                    requires: "$progress.isFinite"))),
        .function(
            Function(
                "shttp_request_log", .anyThread,
                """
                Sends a log message, notifications/message, on the request's stream.

                `level` is one of debug, info, notice, warning, error, critical, alert and
                emergency. `logger` is plain text and may be empty. `data` is a JSON value. With
                2026-07-28 nothing is sent, and SHTTP_OK is returned, if the request did not ask for
                this level.
                """,
                target + [
                    Parameter("level", .bytes, .copied), Parameter("logger", .bytes, .copied),
                    Parameter("data", .bytes, .copied),
                ], statuses: outcome + [.jsonResponse], mayIgnore: true,
                maps: .command("log($request, level: $level, logger: $logger, data: $data)"))),
        .function(
            Function(
                "shttp_request_notify", .anyThread,
                """
                Sends a notification that belongs to the request, on the request's stream.

                `params` is a JSON object or array, or empty for none. Changes belong to no request:
                see shttp_server_publish(). With 2026-07-28 they are refused here.
                """,
                target + [
                    Parameter("method", .bytes, .copied), Parameter("params", .bytes, .copied),
                ],
                statuses: outcome + [
                    .jsonResponse,
                    .stateless.when("a client of 2026-07-28 gets such a notification otherwise"),
                ], mayIgnore: true,
                maps: .command("notify($request, method: $method, params: $params)"))),
    ]

    private static let calls: [Declaration] = [
        .function(
            Function(
                "shttp_request_call", .anyThread,
                """
                Makes a request to the client, such as sampling/createMessage, while it waits.

                A session's client gets it on the request's stream. With 2026-07-28, calls made in
                one turn of the loop leave together: the client is answered that input is required,
                and repeats its request with the answers in it. The handle stays valid meanwhile,
                and what the host sends is kept for the client. If it does not come back within
                parked_ms, the request is cancelled.

                The host receives the response as SHTTP_EVENT_RESPONSE, with `call_data` and with
                the call that is written to `*out`; `out` may be NULL. `params` is a JSON object or
                array, or empty for none. If this function fails, there is no such event.
                """,
                target + [
                    Parameter("method", .bytes, .copied), Parameter("params", .bytes, .copied),
                    Parameter("call_data", .address, .kept), Parameter("out", .pointer(.call)),
                ],
                statuses: outcome + [
                    .stateless, .jsonResponse, .notReady, .noCapability, .noCalls,
                ],
                maps: .call("call($request, method: $method, params: $params, data: $call_data)"))),
        .function(
            Function(
                "shttp_request_hang_up", .anyThread,
                """
                Closes the connection of the request's stream, and keeps the stream.

                The client is told to reconnect after `retry_ms`; messages sent in the meantime,
                including the result, are kept for it. For long work that should not hold a
                connection open (MCP 2025-11-25, SEP-1699). Clients of other revisions cannot do
                this.
                """,
                target + [Parameter("retry_ms", .uint32)],
                statuses: [
                    .ok, .invalidArgument, .notFound.when("the request has ended"), .disconnected,
                    .limit, .closed, .stateless, .jsonResponse, .notResumable,
                ], maps: .command("hangUp($request, retry: Int64($retry_ms))"))),
        .function(
            Function(
                "shttp_request_when_writable", .anyThread,
                """
                Asks to be told when the request's stream has room: SHTTP_EVENT_WRITABLE follows
                once, at once if it has.

                For a host that sends much, and does not want old log messages dropped or the
                connection closed because the client reads slowly: send, ask, and send on after the
                event. There is no room while more than a quarter of unsent_bytes_max is unread,
                until all of it is read; nor while the client has to come back with its input
                (2026-07-28). A client that has disconnected and may resume counts as one that
                reads. From another thread, the event comes after all commands queued before, so
                it also tells when the queue of commands has room; the queue's limit is not
                applied. A second call before the event adds no second event.
                """,
                target,
                statuses: [
                    .ok, .invalidArgument, .notFound.when("the request has ended"),
                    .notReady.when("it is initialize"), .closed,
                ], mayIgnore: true, maps: .command("whenWritable($request)"), since: next)),
        .function(
            Function(
                "shttp_call_close", .anyThread,
                """
                Cancels a call that the host made.

                The client gets notifications/cancelled, a late response is dropped, and there is no
                SHTTP_EVENT_RESPONSE. With 2026-07-28 the client is not asked any more.
                """,
                [Parameter("server", .server), Parameter("call", .call)],
                statuses: [
                    .ok, .invalidArgument, .notFound.when("the call has ended"), .limit, .closed,
                ], mayIgnore: true, maps: .command("close($call)"))),
    ]

    private static let headers: [Declaration] = [
        .function(
            Function(
                "shttp_request_headers", .loopThread,
                "The header lines of the HTTP request, as in shttp_event.headers.",
                target + [Parameter("out", .pointer(.bytes), .borrowed(until: .requestEnds))],
                statuses: [.ok, .invalidArgument, .wrongThread, .notFound],
                maps: .question("shttp_bytes(try engine.headers(of: $request))"))),
        .function(
            Function(
                "shttp_headers_find", .anyThread,
                """
                Finds the first value of a header in header lines.

                `name` is case-insensitive. `*out` points into `headers` and is valid as long as it
                is.
                """,
                [
                    Parameter("headers", .bytes), Parameter("name", .text),
                    Parameter("out", .pointer(.bytes)),
                ],
                statuses: [.ok, .invalidArgument, .notFound.when("there is no such header")])),
    ]
}
