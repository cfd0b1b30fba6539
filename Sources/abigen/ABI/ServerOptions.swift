extension ABI {
    static let serverOptions: [Declaration] = [
        .section("Server options", doc: nil),
        .enumeration(
            Enumeration(
                name: "shttp_response_mode",
                doc: "The HTTP form of the answer to a client's request.",
                cases: [
                    EnumCase(
                        "SHTTP_RESPONSE_STREAM", 0,
                        "An event stream, which ends after the result."),
                    EnumCase(
                        "SHTTP_RESPONSE_JSON", 1,
                        """
                        One JSON document. Only the result can be sent: see the table of modes at
                        the top.
                        """),
                    EnumCase(
                        "SHTTP_RESPONSE_AUTO", 2,
                        """
                        An event stream if anything is sent before the result, otherwise one JSON
                        document. For the host it is the same as SHTTP_RESPONSE_STREAM.
                        """),
                ])),
        .enumeration(
            Enumeration(
                name: "shttp_progress_route",
                doc: "Which stream of a session carries shttp_request_progress().",
                cases: [
                    EnumCase(
                        "SHTTP_PROGRESS_PRIMARY", 0,
                        "The primary stream; the request's own while no primary is attached."),
                    EnumCase("SHTTP_PROGRESS_REQUEST", 1, "Always the request's own stream."),
                ])),
        .structure(
            Structure(
                name: "shttp_server_options",
                doc: """
                    Options for shttp_server_create(). Start with shttp_server_options_init(); a
                    field left 0 takes its default.

                    A field marked "Copied" need not outlive shttp_server_create(). New fields are
                    only appended: a program built with an older header gets the defaults of the
                    fields it lacks. One built with a newer header gets SHTTP_ERR_INVALID_OPTION
                    only if it sets a field that this library does not know.
                    """,
                fields: hostFields + modeFields + securityFields + sizeFields + timeFields
                    + queueFields)),
        .function(optionsInit("shttp_server_options")),
        optionsMacro("shttp_server_options"),
    ]

    private static let hostFields = [
        Field("struct_size", .size, "Set by the initializer. Read-only."),
        Field(
            "on_event", .callback("shttp_on_event"),
            fallback: .named("NULL", "events are queued for shttp_server_take_events()"),
            "Receives every event."),
        Field(
            "on_log", .callback("shttp_on_log"), fallback: .named("NULL", "see SHTTP_EVENT_LOG"),
            "Receives the lines of the log."),
        Field(
            "user_data", .address, .kept, fallback: .named("NULL"),
            "Passed to every callback. The library never reads through it."),
        Field(
            "user_data_free", .callback("shttp_user_data_free"), fallback: .named("NULL"),
            "Called once, after the last callback of the server."),
        Field(
            "log_level", .enumeration("shttp_log_level"), fallback: .named("SHTTP_LOG_WARNING"),
            "Lines less severe than this are not logged."),
    ]

    private static let modeFields = [
        Field(
            "response_mode", .enumeration("shttp_response_mode"),
            fallback: .named("SHTTP_RESPONSE_STREAM"), "The HTTP form of the answers to requests."),
        Field(
            "progress_route", .enumeration("shttp_progress_route"),
            fallback: .named("SHTTP_PROGRESS_PRIMARY"), "The stream that carries progress."),
        Field(
            "stateless", .uint32, fallback: .named("0"),
            "Nonzero: no sessions, and no state is kept between requests."),
        Field(
            "path", .text, .copied, fallback: .named("\"/mcp\""),
            "The path of the endpoint. It starts with a slash."),
        Field(
            "server_info", .bytes, .copied,
            fallback: .named("empty", "the host receives both requests and answers them"),
            """
            The serverInfo of initialize, a JSON object such as {"name":"x","version":"1"}. The
            library then answers initialize and ping itself.
            """),
        Field(
            "server_capabilities", .bytes, .copied, fallback: .named("{}"),
            """
            The capabilities of initialize, a JSON object such as {"tools":{}}. Needs server_info.
            """),
        Field(
            "instructions", .bytes, .copied, fallback: .named("none"),
            "The instructions of initialize, plain text in UTF-8. Needs server_info."),
    ]

    private static let securityFields = [
        Field(
            "allowed_origins", .text, .copied,
            fallback: .named(
                "NULL", "loopback origins if the server is bound to loopback, otherwise none"),
            """
            An allow-list of web origins, as scheme://host or scheme://host:port, separated by
            commas; "*" allows all. A request without an Origin header does not come from a web page
            and is not checked.
            """),
        Field(
            "allowed_hosts", .text, .copied,
            fallback: .named(
                "NULL",
                "loopback names if bound to loopback, otherwise all"),
            """
            An allow-list of names in the Host header, without port, separated by commas; "*" allows
            all. It is a protection against web pages that use DNS rebinding. On a Unix socket,
            which no web page can reach, every name is accepted.
            """),
    ]

    private static let sizeFields = [
        Field(
            "message_bytes_max", .uint32, fallback: .bytes(4_194_304),
            "A longer body is refused with HTTP status 413."),
        Field(
            "header_bytes_max", .uint32, fallback: .bytes(65_536),
            "A longer request head is refused with HTTP status 431."),
        Field(
            "headers_max", .uint32, fallback: .count(100),
            "A request head with more lines is refused with HTTP status 431."),
        Field(
            "json_depth_max", .uint32, fallback: .count(64),
            "JSON with more nested arrays and objects is refused. At most 2048."),
        Field(
            "connections_max", .uint32, fallback: .count(16_384),
            "Maximum number of open connections; further ones are closed at once."),
        Field(
            "sessions_max", .uint32, fallback: .count(10_000),
            """
            Maximum number of sessions. At the limit, the session that has been idle for longest is
            closed, of those that never had a primary stream or a request. If there is none,
            initialize is refused with HTTP status 503, and a warning is logged.
            """),
        Field(
            "session_requests_max", .uint32, fallback: .count(256),
            """
            Maximum number of open requests of one session, and of open calls to its client. Further
            requests are refused with HTTP status 503, and further calls with SHTTP_ERR_LIMIT.
            """),
    ]

    private static let timeFields = [
        Field(
            "session_idle_ms", .uint32, fallback: .millisecondsOrNever(1_800_000),
            "A session that has been idle for this time is closed."),
        Field(
            "initialize_ms", .uint32, fallback: .milliseconds(30_000),
            """
            Time-out from the answer to initialize until the client sends notifications/initialized;
            after it, the session is closed.
            """),
        Field(
            "keepalive_ms", .uint32, fallback: .millisecondsOrNever(15_000),
            "Interval between comments on an idle stream, so that proxies do not time it out."),
        Field(
            "header_ms", .uint32, fallback: .milliseconds(30_000),
            """
            Time-out for the head of a request to arrive; after it, the request is refused with HTTP
            status 408.
            """),
        Field(
            "body_ms", .uint32, fallback: .milliseconds(30_000),
            """
            The same time-out for the body, from the end of the head. Also the time-out of a client
            that reads the last response of its connection; each part that it reads restarts it.
            """),
        Field(
            "connection_idle_ms", .uint32, fallback: .milliseconds(120_000),
            """
            A connection without a request or a stream is closed after this time. The time starts
            when its client has read everything that was sent, and restarts with each part that it
            reads.
            """),
    ]

    private static let queueFields = [
        Field(
            "mailbox_messages_max", .uint32, fallback: .count(64),
            """
            Maximum number of messages queued in a session's mailbox while no primary stream is
            attached. They are sent when one is attached, and then kept for replay like other
            events: a client that reconnects without Last-Event-ID does not get them again.
            """),
        Field(
            "mailbox_bytes_max", .uint32, fallback: .bytes(65_536),
            "The same limit for their memory."),
        Field(
            "unsent_bytes_max", .uint32, fallback: .bytes(16_777_216),
            """
            Maximum unsent data of one connection. Over this limit, session_unsent_bytes_max or
            total_unsent_bytes_max, only the newest progress of each request is kept, and the oldest
            log messages are dropped. If that is not enough, the connection with the most unsent
            data is closed; its client can resume. Results and requests are not dropped, but a
            message that replay does not keep, because it is longer than replay_bytes_max or was
            removed for newer ones, is lost with its connection. One message may be longer than the
            limit. The memory of the messages counts, including results that wait for progress on
            the primary stream, and events that a resumed stream sends again.
            """),
        Field(
            "queue_events_max", .uint32, fallback: .count(4_096),
            """
            Maximum number of queued events. At this limit, or at queue_bytes_max, the server stops
            reading from its clients until the host has taken the events. Has no effect with
            on_event.
            """),
        Field(
            "command_bytes_max", .uint32, fallback: .bytes(67_108_864),
            """
            Maximum size of queued commands from other threads; further ones return SHTTP_ERR_LIMIT.
            While the queue is empty, a command of any length is accepted.
            """),
        Field(
            "replay_events_max", .uint32, fallback: .count(1_024),
            """
            Maximum number of events kept for each session, so that a client that lost its
            connection can resume a stream (Last-Event-ID). UINT32_MAX: no events, and no stream can
            be resumed.
            """),
        Field(
            "replay_bytes_max", .uint32, fallback: .bytes(1_048_576),
            "The same limit for their memory, plus one eighth for spare capacity."),
        Field(
            "replay_total_bytes_max", .uint32, fallback: .bytes(268_435_456),
            "The same limit for the memory of all sessions together."),
        Field(
            "replay_ms", .uint32, fallback: .millisecondsOrNever(300_000),
            "An event is dropped at this age."),
        Field(
            "cors_origins", .text, .copied,
            """
            Origins whose web pages may use the server from a browser (CORS): a comma-separated list
            as in allowed_origins, or "*". They also pass the check of Origin. NULL: no CORS header
            fields.
            """),
        Field(
            "session_unsent_bytes_max", .uint32, fallback: .bytes(33_554_432),
            "Maximum unsent data of all open streams of one session."),
        Field(
            "total_unsent_bytes_max", .uint32, fallback: .bytes(268_435_456),
            "Maximum unsent data of all connections."),
        Field(
            "detached_ms", .uint32, fallback: .millisecondsOrNever(300_000),
            """
            A request whose client has been disconnected for this time, and has not resumed its
            stream, is cancelled. The host then gets SHTTP_EVENT_CANCELLED.
            """),
        Field(
            "event_store", .constPointer(.structure("shttp_event_store")), .copied,
            """
            An event store of the host. NULL: events are kept in memory, within the replay_ limits,
            which have no effect on a store of the host. Not together with stateless.
            """),
        Field(
            "authorize", .uint32, fallback: .named("0"),
            """
            Nonzero: the host allows or refuses each request; see SHTTP_EVENT_AUTHORIZE. Not
            together with bearer_tokens.
            """),
        Field(
            "authorize_ms", .uint32, fallback: .milliseconds(10_000),
            """
            A request that the host has not allowed after this time is refused with HTTP status 503.
            """),
        Field(
            "bearer_tokens", .text, .copied, fallback: .named("NULL", "no authorization"),
            """
            An allow-list of bearer tokens, separated by commas. Each is a token or principal:token;
            a token without a principal gets its own, token-1 and so on. Several tokens may have the
            same principal. Spaces after a comma are ignored; an empty or repeated token is
            SHTTP_ERR_INVALID_OPTION. Requests without one of the tokens get HTTP status 401. The
            library never logs the tokens or puts them in an event.
            """),
        Field(
            "resource_metadata", .bytes, .copied, fallback: .named("empty", "none is served"),
            """
            The OAuth 2.0 Protected Resource Metadata (RFC 9728): a JSON object with the members
            resource, the absolute URL of the endpoint as clients use it, and authorization_servers,
            with one or more elements. It is served without authorization at
            /.well-known/oauth-protected-resource, with and without the path of the resource, and
            named in each WWW-Authenticate header.
            """),
        Field(
            "head_ms", .uint32, fallback: .milliseconds(250),
            """
            If a request has no answer after this time, the head of its stream is sent without one.
            The client and proxies then see that the request arrived and, with replay, the client
            has an event id to resume from. UINT32_MAX: the head is sent with the first keep-alive
            at the latest. Has no effect with SHTTP_RESPONSE_JSON.
            """),
        Field(
            "fence_ms", .uint32, fallback: .named("3"),
            """
            How long a result is delayed after progress of its request was written to the primary
            stream's socket. Clients that read the two streams in two tasks, such as the official
            Python client, would otherwise process the result first and miss that progress. The
            delay grows by a third of this for each event written to the primary just before, and is
            at most 32 times this. Milliseconds, at most 1000; UINT32_MAX: no delay.
            """),
        Field(
            "half_close", .uint32, fallback: .named("0"),
            """
            Nonzero: a client that has closed its sending side (a half-closed connection, as nc
            makes) still gets its answers. 0: such a client is treated as disconnected at once,
            which is what real clients mean by it.
            """),
        Field(
            "unix_mode", .uint32, fallback: .named("0", "as the process's umask allows"),
            "The file mode of a Unix socket, such as 0660: it decides who may connect."),
        Field(
            "arriving_bytes_max", .uint32, fallback: .bytes(134_217_728),
            """
            Maximum memory of all requests that have arrived only in part, or are queued after
            another request. Over the limit, the request that holds most is refused with HTTP status
            503.
            """),
        Field(
            "request_bytes_max", .uint32, fallback: .bytes(67_108_864),
            """
            Maximum memory of all open requests: their heads, ids and progress tokens, and calls to
            their clients. At the limit, requests whose clients have disconnected are cancelled, the
            first to disconnect first; if there is none, further requests are refused with HTTP
            status 503.
            """),
        Field(
            "session_bytes_max", .uint32, fallback: .bytes(67_108_864),
            """
            Maximum memory of all sessions: the clientInfo and capabilities of their clients, and
            their mailboxes. At the limit, sessions are closed or refused as with sessions_max, and
            mailboxes accept no more messages.
            """),
        Field(
            "client_info_bytes_max", .uint32, fallback: .bytes(65_536),
            """
            Maximum size of the clientInfo and the capabilities of a client together; a larger
            initialize is refused.
            """),
        Field(
            "queue_bytes_max", .uint32, fallback: .bytes(67_108_864),
            """
            Maximum memory of queued events; see queue_events_max. Has no effect with on_event.
            """),
        Field(
            "address_share_percent", .uint32, fallback: .named("50"),
            """
            Maximum share that one peer address may use of connections_max, sessions_max,
            session_bytes_max, request_bytes_max and replay_total_bytes_max, in per cent; 100 or
            more: no limit per address. The first 64 bits of an IPv6 address count as one address.
            Behind a proxy all clients have the proxy's address: use 100 there. Has no effect on a
            Unix socket.
            """),
        Field(
            "principal_share_percent", .uint32, fallback: .named("50"),
            """
            The same share for one principal, but not of connections_max; see
            shttp_authorization_allow(). Has no effect without authorization.
            """),
    ]
}
