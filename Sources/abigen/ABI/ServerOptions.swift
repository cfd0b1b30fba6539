extension ABI {
    static let serverOptions: [Declaration] = [
        .section("Server options", doc: nil),
        .enumeration(
            Enumeration(
                name: "shttp_response_mode",
                doc: "What the answer to a client's request looks like in HTTP.",
                cases: [
                    EnumCase("SHTTP_RESPONSE_STREAM", 0, "A stream, which ends after the result."),
                    EnumCase(
                        "SHTTP_RESPONSE_JSON", 1,
                        """
                        One JSON document. Nothing but the result can be sent: see the table of
                        modes at the top.
                        """),
                    EnumCase(
                        "SHTTP_RESPONSE_AUTO", 2,
                        """
                        A stream if anything is sent on it before the result, otherwise one JSON
                        document. For the host it is like SHTTP_RESPONSE_STREAM.
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

                    What is marked as copied need not outlive shttp_server_create(). Fields are only
                    ever appended: a program built with an older header gets the defaults for the
                    rest, and one built with a newer header is refused only if it sets a field that
                    this library does not know.
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
            fallback: .named("NULL", "events wait for shttp_server_take_events()"),
            "Gets every event."),
        Field(
            "on_log", .callback("shttp_on_log"), fallback: .named("NULL", "see SHTTP_EVENT_LOG"),
            "Gets the lines of the log."),
        Field(
            "user_data", .address, .kept, fallback: .named("NULL"),
            "Passed to every callback, never looked at."),
        Field(
            "user_data_free", .callback("shttp_user_data_free"), fallback: .named("NULL"),
            "Called once, after the last callback of the server."),
        Field(
            "log_level", .enumeration("shttp_log_level"), fallback: .named("SHTTP_LOG_WARNING"),
            "Lines that matter less than this are not made."),
    ]

    private static let modeFields = [
        Field(
            "response_mode", .enumeration("shttp_response_mode"),
            fallback: .named("SHTTP_RESPONSE_STREAM"), "How requests are answered."),
        Field(
            "progress_route", .enumeration("shttp_progress_route"),
            fallback: .named("SHTTP_PROGRESS_PRIMARY"), "Where progress goes."),
        Field(
            "stateless", .uint32, fallback: .named("0"),
            "Nonzero: no sessions, and nothing is remembered between two requests."),
        Field(
            "path", .text, .copied, fallback: .named("\"/mcp\""),
            "The path of the endpoint, from its first slash."),
        Field(
            "server_info", .bytes, .copied,
            fallback: .named("empty", "the host gets both as requests and answers them"),
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
            The web origins whose pages may use the server, as scheme://host or scheme://host:port,
            separated by commas; "*" allows all. A request without an Origin header comes from no
            web page and is not checked.
            """),
        Field(
            "allowed_hosts", .text, .copied,
            fallback: .named(
                "NULL",
                "loopback names if bound to loopback, otherwise all"),
            """
            The names clients may call the server by in the Host header, without port, separated by
            commas; "*" allows all. It keeps out web pages that use DNS rebinding. On a Unix socket,
            which no web page reaches, any name will do.
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
            "JSON with more levels of arrays and objects is refused. At most 2048."),
        Field(
            "connections_max", .uint32, fallback: .count(16_384),
            "Connections at one time; further ones are closed at once."),
        Field(
            "sessions_max", .uint32, fallback: .count(10_000),
            """
            Sessions at one time. Beyond, the session that has been idle for longest gives way, of
            those that never had a primary stream nor a request; if there is none, initialize is
            refused with HTTP status 503, and a warning says so.
            """),
        Field(
            "session_requests_max", .uint32, fallback: .count(256),
            """
            Requests of one session that wait for an answer, and as many calls to its client.
            Beyond, requests are refused with HTTP status 503, and calls with SHTTP_ERR_LIMIT.
            """),
    ]

    private static let timeFields = [
        Field(
            "session_idle_ms", .uint32, fallback: .millisecondsOrNever(1_800_000),
            "A session that nobody uses for so long is closed."),
        Field(
            "initialize_ms", .uint32, fallback: .milliseconds(30_000),
            """
            How long after the answer to initialize a client may take to send
            notifications/initialized before its session is closed.
            """),
        Field(
            "keepalive_ms", .uint32, fallback: .millisecondsOrNever(15_000),
            "How often a quiet stream gets a comment, so that proxies do not time it out."),
        Field(
            "header_ms", .uint32, fallback: .milliseconds(30_000),
            """
            How long the head of a request may take to arrive; one that takes longer is refused with
            HTTP status 408.
            """),
        Field(
            "body_ms", .uint32, fallback: .milliseconds(30_000),
            """
            The same limit for its body, from the end of the head. A client that reads the last
            response of its connection may take as long without reading any more of it.
            """),
        Field(
            "connection_idle_ms", .uint32, fallback: .milliseconds(120_000),
            """
            A connection without a request or a stream for so long is closed. The time begins when
            its client has read all it was sent, and with each part that it reads.
            """),
    ]

    private static let queueFields = [
        Field(
            "mailbox_messages_max", .uint32, fallback: .count(64),
            """
            Messages kept for each session while no primary stream is attached. They are sent when
            one is, and kept like others for a client that resumes it: one that comes without a
            Last-Event-ID does not get them again.
            """),
        Field(
            "mailbox_bytes_max", .uint32, fallback: .bytes(65_536),
            "The same limit by size."),
        Field(
            "unsent_bytes_max", .uint32, fallback: .bytes(16_777_216),
            """
            What a client may leave unread on a connection. Beyond, and beyond
            session_unsent_bytes_max and total_unsent_bytes_max, of each request only the newest
            progress is kept, and the oldest log messages are dropped; if that does not do, the
            connection with most to read is closed, so that its client resumes. Results and requests
            are not dropped, but what replay does not keep, because it is longer than
            replay_bytes_max or was pushed out, is lost with its connection. One message may be
            longer than the bound. The memory that messages take counts; so do results that wait
            until the client has read progress on its primary stream, and what a resumed stream has
            to send again.
            """),
        Field(
            "queue_events_max", .uint32, fallback: .count(4_096),
            """
            Events that wait to be taken; beyond, or beyond queue_bytes_max, the server reads no
            more from its clients until the host catches up. Has no effect with on_event.
            """),
        Field(
            "command_bytes_max", .uint32, fallback: .bytes(67_108_864),
            """
            Commands from other threads that are not carried out yet; beyond, they return
            SHTTP_ERR_LIMIT. If none waits, one of any length is taken.
            """),
        Field(
            "replay_events_max", .uint32, fallback: .count(1_024),
            """
            Messages kept for each session, so that a client that lost its connection can resume a
            stream (Last-Event-ID). UINT32_MAX: none, and no stream can be resumed.
            """),
        Field(
            "replay_bytes_max", .uint32, fallback: .bytes(1_048_576),
            "The same limit by the memory that they take, and an eighth more."),
        Field(
            "replay_total_bytes_max", .uint32, fallback: .bytes(268_435_456),
            "The same limit for all sessions together."),
        Field(
            "replay_ms", .uint32, fallback: .millisecondsOrNever(300_000),
            "A message that is so old is forgotten."),
        Field(
            "cors_origins", .text, .copied,
            """
            Origins whose pages, in browsers, may use the server: a comma-separated list as in
            allowed_origins, or "*". They pass the check of Origin too. NULL: no CORS fields.
            """),
        Field(
            "session_unsent_bytes_max", .uint32, fallback: .bytes(33_554_432),
            "What the clients of one session's open streams may leave unread together."),
        Field(
            "total_unsent_bytes_max", .uint32, fallback: .bytes(268_435_456),
            "What all clients may leave unread together."),
        Field(
            "detached_ms", .uint32, fallback: .millisecondsOrNever(300_000),
            """
            When a client has been gone for so long, and has not come back, its request is given up.
            The host then gets SHTTP_EVENT_CANCELLED.
            """),
        Field(
            "event_store", .constPointer(.structure("shttp_event_store")), .copied,
            """
            The host's own store of events. NULL: they are kept in memory, within the replay_
            limits, which have no effect on a store of the host's. Not with stateless.
            """),
        Field(
            "authorize", .uint32, fallback: .named("0"),
            """
            Nonzero: the host allows or refuses each request; see SHTTP_EVENT_AUTHORIZE. Not
            together with bearer_tokens.
            """),
        Field(
            "authorize_ms", .uint32, fallback: .milliseconds(10_000),
            "A request that the host leaves waiting for so long is refused with HTTP status 503."),
        Field(
            "bearer_tokens", .text, .copied, fallback: .named("NULL", "no authorization"),
            """
            The tokens that may use the server, separated by commas. Each is a token or
            principal:token; without a principal it is its own, token-1 and so on. Several tokens
            may have one principal. Blanks after a comma do not count; an empty token, and one that
            comes twice, are SHTTP_ERR_INVALID_OPTION. Requests without one of them get HTTP status
            401. The library does not show the token to anybody.
            """),
        Field(
            "resource_metadata", .bytes, .copied, fallback: .named("empty", "none is served"),
            """
            The OAuth 2.0 Protected Resource Metadata (RFC 9728): a JSON object with the absolute
            URL of the endpoint, as clients know it, as resource, and one or more
            authorization_servers. It is served without authorization at
            /.well-known/oauth-protected-resource, with and without the path of the resource, and
            named in each WWW-Authenticate header.
            """),
        Field(
            "head_ms", .uint32, fallback: .milliseconds(250),
            """
            How long a request may wait for its answer before the head of its stream leaves without
            one, so that the client and what is between see that it arrived, and, with replay, the
            client has an id to resume from. UINT32_MAX: not before the first keep-alive. Has no
            effect with SHTTP_RESPONSE_JSON.
            """),
        Field(
            "fence_ms", .uint32, fallback: .named("3", "UINT32_MAX: it does not wait"),
            """
            How long a result waits after progress of its request on the primary stream is with the
            socket. Clients that read their two streams in two tasks, such as the official Python
            one, otherwise take the result first, and miss that progress. It waits a third of this
            longer for each event that left the primary right before, so that such a client can read
            them all, and 32 times this at most. Milliseconds, at most 1000.
            """),
        Field(
            "half_close", .uint32, fallback: .named("0"),
            """
            Nonzero: a client that has finished sending (a half-closed connection, such as nc makes)
            still gets its answers. 0: it is taken for one that has gone, which is what the end of
            what real clients send means, and is found out at once.
            """),
        Field(
            "unix_mode", .uint32, fallback: .named("0", "what the process's umask leaves"),
            "The permissions of a Unix socket, such as 0660: who may connect to it."),
        Field(
            "arriving_bytes_max", .uint32, fallback: .bytes(134_217_728),
            """
            What all clients may have sent of requests that have not arrived as a whole, or that
            wait behind another one. Beyond, the request that holds most is refused with HTTP status
            503.
            """),
        Field(
            "request_bytes_max", .uint32, fallback: .bytes(67_108_864),
            """
            What all open requests may hold: their heads, ids and progress tokens, and calls to
            their clients. Beyond, requests are refused with HTTP status 503.
            """),
        Field(
            "session_bytes_max", .uint32, fallback: .bytes(67_108_864),
            """
            What all sessions may hold: what is known of their clients, and their mailboxes. Beyond,
            it is as with sessions_max, and mailboxes take no more.
            """),
        Field(
            "client_info_bytes_max", .uint32, fallback: .bytes(65_536),
            """
            How long the clientInfo and the capabilities of a client may be together; initialize is
            otherwise refused.
            """),
        Field(
            "queue_bytes_max", .uint32, fallback: .bytes(67_108_864),
            """
            What the events that wait to be taken may hold, as queue_events_max. Has no effect with
            on_event.
            """),
        Field(
            "address_share_percent", .uint32, fallback: .named("50"),
            """
            How much of connections_max, sessions_max, session_bytes_max, request_bytes_max and
            replay_total_bytes_max one peer address may have, in per cent; 100 or more: all of it.
            Of IPv6 the first 64 bits are an address. Behind a proxy all clients have the proxy's:
            100 is right there. Has no effect on a Unix socket.
            """),
        Field(
            "principal_share_percent", .uint32, fallback: .named("50"),
            """
            The same for one principal, connections_max aside; see shttp_authorization_allow().
            Has no effect without authorization.
            """),
    ]
}
