extension ABI {
    static let events: [Declaration] = [
        .section(
            "Events",
            doc: """
                A server reports to the host by events. They are passed to
                shttp_server_options.on_event or, if that is NULL, queued for
                shttp_server_take_events(); the events are the same.
                """),
        .opaque(
            "shttp_server",
            doc: """
                A Streamable HTTP server: one endpoint, many sessions.

                Created by shttp_server_create() and owned by the caller until
                shttp_server_destroy() or the shttp_loop_destroy() of its loop.
                """),
        .enumeration(eventKind),
        .enumeration(logLevel),
        .structure(event),
        .structure(logLine),
        .callback(
            Callback(
                name: "shttp_on_event",
                doc: """
                    Receives one event. `event->kind` says what happened, and which fields are set.

                    Ignore unknown kinds: a later library may have more.
                    """,
                parameters: [
                    Parameter("server", .server),
                    Parameter(
                        "event", .constPointer(.structure("shttp_event")),
                        .borrowed(until: .returns)),
                    Parameter("user_data", .address),
                ])),
        .callback(
            Callback(
                name: "shttp_on_log",
                doc: """
                    Receives one line of the log, for the operator of the server.

                    Of each kind of warning at most ten lines are logged in five seconds, so that
                    clients cannot fill a disk; the next line says how many were suppressed.
                    """,
                parameters: [
                    Parameter(
                        "line", .constPointer(.structure("shttp_log_line")),
                        .borrowed(until: .returns)),
                    Parameter("user_data", .address),
                ])),
        .callback(
            Callback(
                name: "shttp_resource_covers",
                doc: """
                    Says whether a subscription to `subscribed` covers the resource `updated`, which
                    has changed and is another one.

                    Called by shttp_server_publish() on the loop's thread, once for each resource
                    that has subscribers. Returns nonzero if it does.
                    """,
                parameters: [
                    Parameter("subscribed", .bytes, .borrowed(until: .returns)),
                    Parameter("updated", .bytes, .borrowed(until: .returns)),
                    Parameter("user_data", .address),
                ], result: .int, since: Version(minor: 2, patch: 0))),
        .callback(
            Callback(
                name: "shttp_user_data_free",
                doc: """
                    Nothing uses `user_data` any more: the server has been destroyed or, for what
                    was given to the catalog, that was removed or replaced. No callback with it
                    follows.

                    Called once.
                    """,
                parameters: [Parameter("user_data", .address)], thread: .destroyer)),
        .function(
            Function(
                "shttp_event_document", .anyThread,
                """
                The event's message as a tree: a json_t of jansson, read-only.

                The tree is built at the first call; a host that uses only shttp_json_find(), or its
                own JSON parser, avoids that cost. NULL if there is no tree: shttp_event_parse()
                returns the reason. Do not call it on two threads at the same time with the same
                event.
                """,
                [
                    Parameter("event", .constPointer(.structure("shttp_event")))
                ],
                result: .constPointer(.foreign("json_t")), .borrowed(until: .eventEnds))),
        .function(
            Function(
                "shttp_event_parse", .anyThread,
                """
                Writes the tree of shttp_event_document() to `*out`, or returns why there is none.

                jansson cannot represent every valid JSON text (RFC 8259): not an unpaired surrogate
                such as "\\ud83d", a NUL in the name of a member, or a number beyond the range of a
                double. Such a message can be read only as bytes, with shttp_json_find() or another
                parser. `*out` is borrowed: valid until the event ends.
                """,
                [
                    Parameter("event", .constPointer(.structure("shttp_event"))),
                    Parameter("out", .pointer(.constPointer(.foreign("json_t")))),
                ],
                statuses: [
                    .ok, .invalidArgument, .notFound.when("the event has no message"),
                    .notRepresentable,
                ])),
    ]

    private static let logLevel = Enumeration(
        name: "shttp_log_level",
        doc: "The severity of a line of the log.",
        cases: [
            EnumCase("SHTTP_LOG_DEFAULT", 0, "As an option: SHTTP_LOG_WARNING."),
            EnumCase("SHTTP_LOG_ERROR", 1, "Something does not work."),
            EnumCase("SHTTP_LOG_WARNING", 2, "Something should be fixed."),
            EnumCase("SHTTP_LOG_NOTICE", 3, "Rare, normal events, such as a client that gives up."),
            EnumCase("SHTTP_LOG_DEBUG", 4, "Every refused request, with the reason."),
            EnumCase("SHTTP_LOG_OFF", 5, "As an option: nothing."),
        ])

    private static let logLine = Structure(
        name: "shttp_log_line",
        doc: """
            A line of the log. It never contains a session id, a token or a newline. New fields are
            only appended.
            """,
        fields: [
            Field("level", .enumeration("shttp_log_level"), "The severity."),
            Field(
                "text", .bytes, .borrowed(until: .returns),
                """
                The line, in English and UTF-8: what happened and, in parentheses, to whom. Not
                NUL-terminated.
                """),
            Field(
                "peer", .bytes, .borrowed(until: .returns),
                "Where the client is, as in shttp_event; empty if the line is about none."),
            Field("session", .session, "The session that the line is about; key 0 for none."),
            Field(
                "http_method", .bytes, .borrowed(until: .returns),
                """
                The HTTP method of the request that the line is about. It, target and method have at
                most 128 bytes of printable ASCII each; target has no query.
                """),
            Field("target", .bytes, .borrowed(until: .returns), "Its request target."),
            Field("method", .bytes, .borrowed(until: .returns), "Its JSON-RPC method."),
        ])

    private static let event = Structure(
        name: "shttp_event",
        doc: """
            An event. Fields that its kind does not list are 0, NULL or empty.

            It is valid until on_event returns or, for a host that takes events, until the next
            shttp_server_take_events(). Copy any bytes that you need longer; keys are plain values
            and may be kept. New fields are only appended.
            """,
        fields: [
            Field("kind", .enumeration("shttp_event_kind"), "What happened."),
            Field(
                "status", .status,
                "The status of an ended call, request or session, or of a failed command.",
                maps: "event.fault.map { CABI.status($0) } ?? SHTTP_OK"),
            Field(
                "session", .session, "Key 0 with 2026-07-28, and if the server is stateless.",
                maps: "shttp_session(key: event.sessionKey?.rawValue ?? 0)"),
            Field(
                "request", .request, "The request to answer, or that was cancelled.",
                maps: "shttp_request(key: event.request?.rawValue ?? 0)"),
            Field(
                "call", .call, "The call that ended.",
                maps: "shttp_call(key: event.call?.rawValue ?? 0)"),
            Field(
                "session_data", .address, "The pointer of shttp_session_set_data().",
                maps: "event.sessionData"),
            Field(
                "call_data", .address, "The pointer that was passed with the call.",
                maps: "event.callData"),
            Field(
                "method", .bytes, .borrowed(until: .eventEnds),
                "The JSON-RPC method, such as tools/call.", maps: "shttp_bytes(method)"),
            Field(
                "id", .bytes, .borrowed(until: .eventEnds),
                """
                The request's JSON-RPC id as JSON text: 7, or "seven" with its quotes. An integer of
                any size, or a string; requests with an id of more than 1024 bytes are refused.
                """, maps: "shttp_bytes(event.id)"),
            Field(
                "message", .bytes, .borrowed(until: .eventEnds),
                """
                The whole JSON-RPC message, unchanged: valid JSON in UTF-8, not NUL-terminated.
                """, maps: "shttp_bytes(event.message ?? nothing)"),
            Field(
                "params", .bytes, .borrowed(until: .eventEnds),
                """
                The message's params, unchanged: a JSON object or array, or empty. See
                shttp_json_find().
                """, maps: "shttp_bytes(event.params)"),
            Field(
                "headers", .bytes, .borrowed(until: .eventEnds),
                """
                The HTTP request's header lines, "name: value\\r\\n" each, names in lower case. See
                shttp_headers_find().
                """, maps: "shttp_bytes(event.head?.lines ?? nothing)"),
            Field(
                "revision", .bytes, .borrowed(until: .eventEnds),
                "The protocol revision in use, such as 2025-11-25.",
                maps: "shttp_bytes(event.revision?.text)"),
            Field(
                "wire_id", .bytes, .borrowed(until: .eventEnds),
                """
                The Mcp-Session-Id. It is a secret that gives access to the session: do not log it.
                """, maps: "shttp_bytes(wireID)"),
            Field(
                "client_info", .bytes, .borrowed(until: .eventEnds),
                "The clientInfo of initialize, a JSON object.",
                maps: "shttp_bytes(event.session?.clientInfo)"),
            Field(
                "client_capabilities", .bytes, .borrowed(until: .eventEnds),
                "The capabilities of initialize, a JSON object.",
                maps: "shttp_bytes(event.session?.clientCapabilities)"),
            Field(
                "level", .enumeration("shttp_log_level"), "The severity of text.",
                maps: "shttp_log_level(UInt32(event.logLine?.level.rawValue ?? 0))"),
            Field(
                "text", .bytes, .borrowed(until: .eventEnds), "A line of the log, in UTF-8.",
                maps: "shttp_bytes(text)"),
            Field(
                "principal", .bytes, .borrowed(until: .eventEnds),
                "The principal of the request; empty without authorization."),
            Field(
                "authorization", .authorization, "The request to allow or refuse.",
                maps: "shttp_authorization(key: event.authorization?.rawValue ?? 0)"),
            Field(
                "http_method", .bytes, .borrowed(until: .eventEnds), "The HTTP method, verbatim.",
                maps: "shttp_bytes(httpMethod)"),
            Field(
                "target", .bytes, .borrowed(until: .eventEnds),
                """
                The request target, verbatim, such as /mcp?x=1; in SHTTP_EVENT_ACCESS and
                SHTTP_EVENT_LOG without its query, and shortened.
                """,
                maps: "shttp_bytes(target)"),
            Field(
                "scheme", .bytes, .borrowed(until: .eventEnds),
                """
                The scheme of the Authorization header in lower case, such as bearer or dpop; empty
                without that header.
                """, maps: "shttp_bytes(scheme)"),
            Field(
                "credentials", .bytes, .borrowed(until: .eventEnds),
                """
                The credentials after the scheme: with bearer, a token in the syntax of RFC 6750. Do
                not log it.
                """, maps: "shttp_bytes(event.credentials?.value ?? nothing)"),
            Field("handle", .address, "Used by shttp_event_document() and shttp_event_parse()."),
            Field(
                "peer", .bytes, .borrowed(until: .eventEnds),
                """
                Where the client is: 127.0.0.1:54321, [::1]:54321 or, on a Unix socket, the process
                as unix:pid=1234. Behind a proxy it is the proxy.
                """, maps: "shttp_bytes(event.peer)"),
            Field(
                "http_status", .uint32,
                "The HTTP status; 0 if the connection ended before there was one.",
                maps: "UInt32(event.access?.status ?? 0)"),
            Field(
                "cut", .uint32,
                "Nonzero: the connection ended before the response did.",
                maps: "event.access?.isCut == true ? 1 : 0"),
            Field(
                "bytes_received", .uint64, "The bytes of the HTTP request that were read.",
                maps: "event.access?.bytesReceived ?? 0"),
            Field(
                "bytes_sent", .uint64, "The bytes of the HTTP response that the socket has taken.",
                maps: "event.sentBytes"),
            Field(
                "duration_us", .uint64,
                """
                Microseconds from the first byte of the request until the socket had taken the
                response.
                """, maps: "event.access?.microseconds ?? 0"),
            Field(
                "uri", .bytes, .borrowed(until: .eventEnds), "The URI of a resource.",
                maps: "shttp_bytes(event.uri)", since: Version(minor: 2, patch: 0)),
            Field(
                "tag", .uint64, .plain, "The tag that the host gave the request; 0 for none.",
                since: Version(minor: 2, patch: 0)),
            Field(
                "exchange", .exchange, .plain, "The request for another path.",
                maps: "shttp_exchange(key: event.exchange?.rawValue ?? 0)",
                since: Version(minor: 2, patch: 0)),
            Field(
                "body", .bytes, .borrowed(until: .eventEnds),
                "The body of the HTTP request: any bytes, or empty.",
                maps: "shttp_bytes(event.message ?? nothing)",
                since: Version(minor: 2, patch: 0)),
            Field(
                "tool", .bytes, .borrowed(until: .eventEnds), "The name of the tool.",
                maps: "shttp_bytes(event.uri)", since: Version(minor: 2, patch: 0)),
            Field(
                "arguments", .bytes, .borrowed(until: .eventEnds),
                "The arguments of the call, unchanged: a JSON object.",
                maps: "shttp_bytes(event.arguments)", since: Version(minor: 2, patch: 0)),
            Field(
                "resumed", .uint32, .plain, "Nonzero: the session was found in the session store.",
                maps: "event.session?.isResumed == true ? 1 : 0",
                since: Version(minor: 2, patch: 0)),
        ])
}
