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

                    `text` is one line of English without a newline. It never contains a session id.
                    Of each kind of warning at most ten lines are logged in five seconds, so that
                    clients cannot fill a disk; the next line says how many were suppressed.
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
                    The server has been destroyed; no callback with this `user_data` follows.

                    Called once for each server that was created.
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

    private static let eventKind = Enumeration(
        name: "shttp_event_kind",
        doc: """
            The kind of an event. Each kind lists the fields of shttp_event that it sets, besides
            kind.
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
                A client's notification; it needs no answer. notifications/cancelled is delivered
                this way only if it names no open request, or the server is stateless.

                Sets session, session_data, principal, method, message, params, headers and
                revision.
                """),
            EnumCase(
                "SHTTP_EVENT_RESPONSE", 3,
                """
                The end of a call that the host made. With status SHTTP_OK, message is the client's
                JSON-RPC response, which contains a result or an error. With any other status there
                is no response: SHTTP_ERR_DISCONNECTED, SHTTP_ERR_SESSION_ENDED or
                SHTTP_ERR_CANCELLED.

                Sets status, session, session_data, call, call_data and message.
                """),
            EnumCase(
                "SHTTP_EVENT_CANCELLED", 4,
                """
                A request has ended without an answer: stop working on it, and do not answer it.
                status is SHTTP_ERR_CANCELLED if the client cancelled it, and message is then its
                notification; SHTTP_ERR_DISCONNECTED if the client disconnected and did not resume
                in time or, on a stateless server, if it disconnected; SHTTP_ERR_SESSION_ENDED; or
                SHTTP_ERR_CLOSED.

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
                time (initialize_ms), or closed by the host; status is SHTTP_ERR_LIMIT if it was
                closed to make room for another one. The last event of the session: free
                session_data now.

                Sets status, session and session_data.
                """),
            EnumCase(
                "SHTTP_EVENT_PRIMARY_OPENED", 7,
                """
                The client has opened the session's primary stream, for the first time or again.
                Messages in the session's mailbox are sent now. If the stream was already open, it
                moves to the new connection: the old connection ends without
                SHTTP_EVENT_PRIMARY_CLOSED.

                Sets session and session_data.
                """),
            EnumCase(
                "SHTTP_EVENT_PRIMARY_CLOSED", 8,
                """
                The primary stream has lost its connection. Messages for it are queued in the
                session's mailbox.

                Sets session and session_data.
                """),
            EnumCase(
                "SHTTP_EVENT_COMMAND_FAILED", 9,
                """
                A command that was queued by another thread has failed. status is the reason;
                session, request, call or authorization is the one that was passed.

                Sets status and one of session, request, call, authorization.
                """),
            EnumCase(
                "SHTTP_EVENT_LOG", 10,
                """
                A line of the log. Only for a host that takes events from the queue and has no
                on_log.

                Sets level and text.
                """),
            EnumCase(
                "SHTTP_EVENT_CLOSED", 11,
                """
                The server has closed, after shttp_server_close() or shttp_server_drain(). The
                last event. Sets nothing.
                """),
            EnumCase(
                "SHTTP_EVENT_AUTHORIZE", 12,
                """
                A request waits to be authorized: only with the option authorize. Answer it with
                shttp_authorization_allow() or shttp_authorization_refuse(), now or later, from any
                thread. Its body has not been read, and later requests on its connection wait. If
                the client disconnects, no further event reports that.

                Sets authorization, http_method, target, scheme, credentials and headers.
                """),
            EnumCase(
                "SHTTP_EVENT_PRIMARY_GAP", 13,
                """
                A client has resumed the session's primary stream, but events after its
                Last-Event-ID are no longer kept. It has lost them, is notified of that, and
                receives the following ones. If the client needs the state that they described, send
                that again now.

                Sets session and session_data.
                """),
        ])

    private static let logLevel = Enumeration(
        name: "shttp_log_level",
        doc: "The severity of a line of the log.",
        cases: [
            EnumCase("SHTTP_LOG_DEFAULT", 0, "As an option: SHTTP_LOG_WARNING."),
            EnumCase("SHTTP_LOG_ERROR", 1, "Something does not work."),
            EnumCase("SHTTP_LOG_WARNING", 2, "Something should be fixed."),
            EnumCase("SHTTP_LOG_NOTICE", 3, "Rare, normal events: listening, closing."),
            EnumCase("SHTTP_LOG_DEBUG", 4, "Every refused request, with the reason."),
            EnumCase("SHTTP_LOG_OFF", 5, "As an option: nothing."),
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
                "The status of an ended call, request or session, or of a failed command."),
            Field("session", .session, "Key 0 if the server is stateless."),
            Field("request", .request, "The request to answer, or that was cancelled."),
            Field("call", .call, "The call that ended."),
            Field("session_data", .address, "The pointer of shttp_session_set_data()."),
            Field("call_data", .address, "The pointer that was passed with the call."),
            Field(
                "method", .bytes, .borrowed(until: .eventEnds),
                "The JSON-RPC method, such as tools/call."),
            Field(
                "id", .bytes, .borrowed(until: .eventEnds),
                """
                The request's JSON-RPC id as JSON text: 7, or "seven" with its quotes. An integer of
                any size, or a string; requests with an id of more than 1024 bytes are refused.
                """),
            Field(
                "message", .bytes, .borrowed(until: .eventEnds),
                """
                The whole JSON-RPC message, unchanged: valid JSON in UTF-8, not NUL-terminated.
                """),
            Field(
                "params", .bytes, .borrowed(until: .eventEnds),
                """
                The message's params, unchanged: a JSON object or array, or empty. See
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
                """
                The Mcp-Session-Id. It is a secret that gives access to the session: do not log it.
                """),
            Field(
                "client_info", .bytes, .borrowed(until: .eventEnds),
                "The clientInfo of initialize, a JSON object."),
            Field(
                "client_capabilities", .bytes, .borrowed(until: .eventEnds),
                "The capabilities of initialize, a JSON object."),
            Field("level", .enumeration("shttp_log_level"), "The severity of text."),
            Field("text", .bytes, .borrowed(until: .eventEnds), "A line of the log, in UTF-8."),
            Field(
                "principal", .bytes, .borrowed(until: .eventEnds),
                "The principal of the request; empty without authorization."),
            Field("authorization", .authorization, "The request to allow or refuse."),
            Field(
                "http_method", .bytes, .borrowed(until: .eventEnds), "The HTTP method, verbatim."
            ),
            Field(
                "target", .bytes, .borrowed(until: .eventEnds),
                "The request target, verbatim, such as /mcp?x=1."),
            Field(
                "scheme", .bytes, .borrowed(until: .eventEnds),
                """
                The scheme of the Authorization header in lower case, such as bearer or dpop; empty
                without that header.
                """),
            Field(
                "credentials", .bytes, .borrowed(until: .eventEnds),
                """
                The credentials after the scheme: with bearer, a token in the syntax of RFC 6750. Do
                not log it.
                """),
            Field("handle", .address, "Used by shttp_event_document() and shttp_event_parse()."),
        ])
}
