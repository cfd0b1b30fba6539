extension ABI {
    static let events: [Declaration] = [
        .section(
            "Events",
            doc: """
                What a server tells the host. It comes to shttp_server_options.on_event or, if there
                is none, waits for shttp_server_take_events(); the events are the same.
                """),
        .opaque(
            "shttp_server",
            doc: """
                A Streamable HTTP server: one listening socket, many sessions.

                Created by shttp_server_create() and owned by the caller until
                shttp_server_destroy() or the shttp_loop_destroy() of its loop.
                """),
        .enumeration(eventKind),
        .enumeration(logLevel),
        .structure(event),
        .callback(
            Callback(
                name: "shttp_on_event",
                doc: """
                    Something happened. `event->kind` says what, and which fields are set.

                    Ignore kinds that you do not know: a later library may have more.
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
                    The library has something to say to whoever operates the server.

                    `text` is one line of English without a line end. It never holds a session id.
                    Of one kind of warning, ten lines are made in five seconds; the next one says
                    how many were not: clients do not fill a disk.
                    """,
                parameters: [
                    Parameter("level", .enumeration("shttp_log_level")),
                    Parameter("text", .bytes, .borrowed(until: .returns)),
                    Parameter("user_data", .address),
                ])),
        .callback(
            Callback(
                name: "shttp_user_data_free",
                doc: """
                    The server is gone, and no callback with this `user_data` will follow.

                    Comes once for each server that was created.
                    """,
                parameters: [Parameter("user_data", .address)], thread: .destroyer)),
        .function(
            Function(
                "shttp_event_document", .anyThread,
                """
                The event's message as a tree: a json_t of jansson, to be read only.

                It is made at the first call; a host that can do with shttp_json_find(), or has a
                JSON parser of its own, saves that. NULL if there is no tree: shttp_event_parse()
                tells why. Not from two threads at a time with one event.
                """,
                [
                    Parameter("event", .constPointer(.structure("shttp_event")))
                ],
                result: .constPointer(.foreign("json_t")), .borrowed(until: .eventEnds))),
        .function(
            Function(
                "shttp_event_parse", .anyThread,
                """
                Writes what shttp_event_document() returns to `*out`, or says why there is no tree.

                A message may be valid JSON (RFC 8259) and yet more than jansson holds: a string cut
                inside a character, as in "\\ud83d", a NUL in the name of a member, or a number
                beyond a double. Then only its bytes can be read, with shttp_json_find() or another
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

    private static let eventKind = Enumeration(
        name: "shttp_event_kind",
        doc: """
            What happened. Each kind lists the fields of shttp_event that it sets, besides kind.
            """,
        cases: [
            EnumCase(
                "SHTTP_EVENT_REQUEST", 1,
                """
                A client's request. Answer it with shttp_request_respond() or shttp_request_fail(),
                now or later, from any thread.

                Sets session, session_data, principal, request, method, id, message, params, headers
                and revision.
                """),
            EnumCase(
                "SHTTP_EVENT_NOTIFICATION", 2,
                """
                A client's notification. It wants no answer. notifications/cancelled is among them
                if it names no request that is open, or the server is stateless.

                Sets session, session_data, principal, method, message, params, headers and
                revision.
                """),
            EnumCase(
                "SHTTP_EVENT_RESPONSE", 3,
                """
                The end of a call that the host made. With status SHTTP_OK, message is the client's
                JSON-RPC response, which holds a result or an error. With any other status no answer
                will come: SHTTP_ERR_DISCONNECTED, SHTTP_ERR_SESSION_ENDED or SHTTP_ERR_CANCELLED.

                Sets status, session, session_data, call, call_data and message.
                """),
            EnumCase(
                "SHTTP_EVENT_CANCELLED", 4,
                """
                A request has ended without an answer: stop working on it, and do not answer. status
                is SHTTP_ERR_CANCELLED if the client has said so, and message is then its
                notification; SHTTP_ERR_DISCONNECTED if it has gone and did not come back, or, on a
                stateless server, if it has gone; SHTTP_ERR_SESSION_ENDED; or SHTTP_ERR_CLOSED.

                Sets status, session, session_data, request and message.
                """),
            EnumCase(
                "SHTTP_EVENT_SESSION_OPENED", 5,
                """
                A client has initialized a session. The first event of the session.

                Sets session, principal, revision, wire_id, client_info, client_capabilities and
                headers.
                """),
            EnumCase(
                "SHTTP_EVENT_SESSION_CLOSED", 6,
                """
                The session has ended: deleted by the client, idle for too long, not initialized in
                time (initialize_ms), or closed by the host; status is SHTTP_ERR_LIMIT if it had to
                make room for another one. The last event of the session, and the time to free
                session_data.

                Sets status, session and session_data.
                """),
            EnumCase(
                "SHTTP_EVENT_PRIMARY_OPENED", 7,
                """
                The client has opened the session's primary stream, for the first time or again.
                What waited in the session's mailbox is sent now. A client that opens it while it is
                open moves it to its new connection: the former one ends without
                SHTTP_EVENT_PRIMARY_CLOSED.

                Sets session and session_data.
                """),
            EnumCase(
                "SHTTP_EVENT_PRIMARY_CLOSED", 8,
                """
                The primary stream is gone. Messages for it wait in the session's mailbox.

                Sets session and session_data.
                """),
            EnumCase(
                "SHTTP_EVENT_COMMAND_FAILED", 9,
                """
                A command that another thread had queued could not be carried out. status says why;
                session, request, call or authorization is the one that was passed.

                Sets status and one of session, request, call, authorization.
                """),
            EnumCase(
                "SHTTP_EVENT_LOG", 10,
                """
                What on_log would have said. Only for a host that takes events and has no on_log.

                Sets level and text.
                """),
            EnumCase(
                "SHTTP_EVENT_CLOSED", 11,
                "The server has closed, after shttp_server_close(). The last event. Sets nothing."),
            EnumCase(
                "SHTTP_EVENT_AUTHORIZE", 12,
                """
                A request has arrived, and waits to be authorized: only with the option authorize.
                Answer it with shttp_authorization_allow() or shttp_authorization_refuse(), now or
                later, from any thread. Its body has not been read, and what follows on its
                connection waits. If the client goes away, no further event tells so.

                Sets authorization, http_method, target, scheme, credentials and headers.
                """),
            EnumCase(
                "SHTTP_EVENT_PRIMARY_GAP", 13,
                """
                A client has come back to the session's primary stream for messages that are not
                kept any more. It has lost them, has been told so, and gets what follows. If it must
                know the state that they were about, this is the time to send that again.

                Sets session and session_data.
                """),
        ])

    private static let logLevel = Enumeration(
        name: "shttp_log_level",
        doc: "How much a line of the log matters.",
        cases: [
            EnumCase("SHTTP_LOG_DEFAULT", 0, "As an option: SHTTP_LOG_WARNING."),
            EnumCase("SHTTP_LOG_ERROR", 1, "Something does not work."),
            EnumCase("SHTTP_LOG_WARNING", 2, "Something should be mended."),
            EnumCase("SHTTP_LOG_NOTICE", 3, "Rare and normal: listening, closing."),
            EnumCase("SHTTP_LOG_DEBUG", 4, "Every refused request, and why."),
            EnumCase("SHTTP_LOG_OFF", 5, "As an option: nothing."),
        ])

    private static let event = Structure(
        name: "shttp_event",
        doc: """
            An event. Fields that its kind does not list are 0, NULL or empty.

            It ends when on_event returns or, for a host that takes events, with the next
            shttp_server_take_events(). Copy what you keep; the keys may be kept as they are. Fields
            are only ever appended.
            """,
        fields: [
            Field("kind", .enumeration("shttp_event_kind"), "What happened."),
            Field("status", .status, "How a call or a command ended."),
            Field("session", .session, "Key 0 when the server is stateless."),
            Field("request", .request, "What to answer, or what was cancelled."),
            Field("call", .call, "The call that ended."),
            Field("session_data", .address, "What shttp_session_set_data() attached."),
            Field("call_data", .address, "What the call was made with."),
            Field("method", .bytes, .borrowed(until: .eventEnds), "Such as tools/call."),
            Field(
                "id", .bytes, .borrowed(until: .eventEnds),
                """
                The request's JSON-RPC id as JSON text: 7, or "seven" with its quotes. An integer of
                any size, or a string; requests with an id of more than 1024 bytes are refused.
                """),
            Field(
                "message", .bytes, .borrowed(until: .eventEnds),
                """
                The whole JSON-RPC message, as the client wrote it: valid JSON in UTF-8, not
                NUL-terminated.
                """),
            Field(
                "params", .bytes, .borrowed(until: .eventEnds),
                """
                The message's params as they stand in it: a JSON object or array, or empty. See
                shttp_json_find().
                """),
            Field(
                "headers", .bytes, .borrowed(until: .eventEnds),
                """
                The HTTP request's header lines, "name: value\\r\\n" each, names in lower case. See
                shttp_headers_find().
                """),
            Field(
                "revision", .bytes, .borrowed(until: .eventEnds),
                "The protocol revision in use, such as 2025-11-25."),
            Field(
                "wire_id", .bytes, .borrowed(until: .eventEnds),
                "The Mcp-Session-Id. Who knows it can use the session: do not log it."),
            Field(
                "client_info", .bytes, .borrowed(until: .eventEnds),
                "The clientInfo of initialize, a JSON object."),
            Field(
                "client_capabilities", .bytes, .borrowed(until: .eventEnds),
                "The capabilities of initialize, a JSON object."),
            Field("level", .enumeration("shttp_log_level"), "How much text matters."),
            Field("text", .bytes, .borrowed(until: .eventEnds), "A line of the log, in UTF-8."),
            Field(
                "principal", .bytes, .borrowed(until: .eventEnds),
                "Who made the request; empty without authorization."),
            Field("authorization", .authorization, "What to allow or refuse."),
            Field(
                "http_method", .bytes, .borrowed(until: .eventEnds), "The request's method as sent."
            ),
            Field(
                "target", .bytes, .borrowed(until: .eventEnds),
                "The request's target as sent, such as /mcp?x=1."),
            Field(
                "scheme", .bytes, .borrowed(until: .eventEnds),
                """
                The scheme of the Authorization header in lower case, such as bearer or dpop; empty
                without that header.
                """),
            Field(
                "credentials", .bytes, .borrowed(until: .eventEnds),
                """
                What stands behind the scheme: with bearer, a token in the syntax of RFC 6750. Do
                not log it.
                """),
            Field("handle", .address, "For shttp_event_document()."),
        ])
}
