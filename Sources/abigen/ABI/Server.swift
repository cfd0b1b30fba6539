extension ABI {
    static let server: [Declaration] = serverOptions + serverLife + serverQueue

    private static let serverLife: [Declaration] = [
        .section("Server", doc: nil),
        .function(
            Function(
                "shttp_server_create", .loopThread,
                """
                Creates a server on `loop`. It does not listen yet.

                On failure user_data_free is not called.
                """,
                [
                    Parameter("loop", .loop),
                    Parameter(
                        "options", .constPointer(.structure("shttp_server_options")), .copied),
                    Parameter("out", .pointer(.server), .given),
                ],
                statuses: [
                    .ok, .invalidArgument, .invalidOption, .wrongThread, .descriptors, .system,
                ])),
        .function(
            Function(
                "shttp_server_listen", .loopThread,
                """
                Starts to accept connections at `address` and `port`.

                - An IPv4 or IPv6 address in digits: "127.0.0.1", "::1", "0.0.0.0". NULL means
                  "127.0.0.1". Host names are not looked up.
                - "unix:/path" is a Unix socket, and `port` is ignored. A stale socket file is
                  replaced, and the file is removed when the server closes, unless another one has
                  taken its place. See the option unix_mode.

                With port 0 the system chooses one; shttp_server_port() tells which. On an address
                other than loopback, read about allowed_origins and allowed_hosts first.
                """,
                [
                    Parameter("server", .server), Parameter("address", .text, .copied),
                    Parameter("port", .uint16),
                ],
                statuses: [
                    .ok, .invalidArgument, .wrongThread, .busy.when("it listens already"),
                    .closed, .addressInUse, .addressUnavailable, .permission, .descriptors, .system,
                ])),
        .function(
            Function(
                "shttp_server_port", .anyThread,
                "The port the server listens on; 0 if it does not listen, or on a Unix socket.",
                [Parameter("server", .constPointer(.opaque("shttp_server")))], result: .uint16)),
        .structure(stats),
        .function(
            Function(
                "shttp_server_stats_sized", .anyThread,
                """
                Writes what the server holds, and what has happened, as of the loop's last turn.

                Use shttp_server_stats(), which passes `stats_size`: the size of the caller's
                shttp_stats. Fields that this library does not know are 0.
                """,
                [
                    Parameter("server", .server),
                    Parameter("stats", .pointer(.structure("shttp_stats"))),
                    Parameter("stats_size", .size),
                ],
                statuses: [.ok, .invalidArgument])),
        .headerOnly(
            doc: "Writes the server's figures into a shttp_stats.",
            text: """
                #define shttp_server_stats(server, stats) \\
                  shttp_server_stats_sized((server), (stats), sizeof *(stats))
                """),
        .function(
            Function(
                "shttp_server_drain", .anyThread,
                """
                Ends the server in good order: for SIGTERM.

                It stops listening and refuses new requests with HTTP status 503. Primary streams
                end, and their clients are told to come back after one to two seconds, each after a
                time of its own, perhaps to another process. Open requests may be answered until
                `deadline_ms` have passed; those that are left then are cancelled. All else is as
                with shttp_server_close(), and SHTTP_EVENT_CLOSED comes last. A second call may only
                bring the end forward.
                """,
                [Parameter("server", .server), Parameter("deadline_ms", .uint32)],
                statuses: [.ok, .invalidArgument, .closed.when("it is closing already")],
                mayIgnore: true)),
        .function(
            Function(
                "shttp_server_close", .anyThread,
                """
                Stops listening, and ends every session and stream.

                Each session gets its SHTTP_EVENT_SESSION_CLOSED, and SHTTP_EVENT_CLOSED comes last.
                The server remains to be destroyed.
                """,
                [Parameter("server", .server)],
                statuses: [.ok, .invalidArgument, .closed.when("it is closing already")],
                mayIgnore: true)),
        .function(
            Function(
                "shttp_server_destroy", .loopThread,
                """
                Closes the server without further events, and frees it.

                user_data_free is called once the last callback has run. It may be called in a
                callback of this server. While no thread runs the loop, any thread may call it. No
                other thread may be inside a call with this server, or make one afterwards.

                On the loop's thread, no callback of the server follows, of an event_store neither,
                but for user_data_free, which comes before this returns, or, in a callback, after
                that. From another thread, the destruction is queued, and callbacks may run until
                user_data_free has been called. A store that outlives the server is not told to
                forget the sessions: shttp_server_close() or shttp_server_drain() end them in order.
                """,
                [Parameter("server", .server, .taken)], result: .void)),
    ]

    private static let serverQueue: [Declaration] = [
        .section(
            "Events without callbacks",
            doc: """
                For hosts that cannot be called from a foreign thread, or would rather not: leave
                on_event NULL, run the loop with shttp_loop_run_thread(), wait on the descriptor,
                and take the events in batches.
                """),
        .function(
            Function(
                "shttp_server_descriptor", .anyThread,
                """
                A descriptor to poll: it is readable while events wait to be taken.

                It belongs to the server: do not read, write or close it. -1 if `server` is NULL or
                has an on_event.
                """,
                [Parameter("server", .constPointer(.opaque("shttp_server")))], result: .int)),
        .function(
            Function(
                "shttp_server_take_events_sized", .anyThread,
                """
                Moves up to `capacity` waiting events into `events`; it never waits for one.

                What the events point to is valid until the next call for this server, so only one
                thread at a time may take events. `*out_count` may be 0. The descriptor stops being
                readable once no event waits. Use shttp_server_take_events(), which passes
                `event_size`: the size of the caller's shttp_event.
                """,
                [
                    Parameter("server", .server),
                    Parameter("events", .pointer(.structure("shttp_event"))),
                    Parameter("event_size", .size), Parameter("capacity", .size),
                    Parameter("out_count", .pointer(.size)),
                ],
                statuses: [
                    .ok, .invalidArgument.when("one is NULL or 0, or the server has an on_event"),
                ])),
        .headerOnly(
            doc: "Takes events into an array of `capacity` shttp_event.",
            text: """
                #define shttp_server_take_events(server, events, capacity, out_count) \\
                  shttp_server_take_events_sized((server), (events), sizeof *(events), \\
                                                 (capacity), (out_count))
                """),
    ]

    private static let stats = Structure(
        name: "shttp_stats",
        doc: """
            What a server holds now, and, from connections_total on, what has happened since it was
            created. New fields are appended.
            """,
        fields: [
            Field("connections", .uint64, "Open connections."),
            Field("sessions", .uint64, "Sessions that have not ended."),
            Field("streams", .uint64, "Event streams that a connection carries."),
            Field("requests", .uint64, "Requests without an answer."),
            Field("calls", .uint64, "Calls without an answer."),
            Field("unsent_bytes", .uint64, "Bytes that clients have not taken yet."),
            Field("replay_bytes", .uint64, "Bytes kept for clients that may resume."),
            Field("connections_total", .uint64, "Connections accepted."),
            Field("sessions_total", .uint64, "Sessions begun."),
            Field("requests_total", .uint64, "Requests accepted."),
            Field("resumed", .uint64, "Streams that clients came back for."),
            Field("resumes_refused", .uint64, "Streams that they came back for in vain."),
            Field("mailbox_drops", .uint64, "Messages that a full mailbox did not take."),
            Field("result_drops", .uint64, "Answers whose client was gone for good."),
            Field("response_drops", .uint64, "Responses of clients that answered no call."),
            Field("slow_connections", .uint64, "Connections ended because nobody read them."),
            Field("host_refusals", .uint64, "Requests refused for their Host."),
            Field("origin_refusals", .uint64, "Requests refused for their Origin."),
            Field("session_refusals", .uint64, "Requests without a session, or of an unknown one."),
            Field("limit_refusals", .uint64, "Requests and connections beyond a limit."),
            Field("other_refusals", .uint64, "All other refused requests."),
            Field(
                "progress_drops", .uint64,
                "Progress that a client did not read before there was newer."),
            Field("log_drops", .uint64, "Log messages that a client did not read in time."),
            Field("accept_pauses", .uint64, "Times when new clients had to wait for a descriptor."),
            Field("authorizations", .uint64, "Now: requests that the host has yet to allow."),
            Field("credential_refusals", .uint64, "Requests without valid credentials (401)."),
            Field("scope_refusals", .uint64, "Requests with insufficient credentials (403)."),
            Field(
                "primary_gaps", .uint64,
                "Primary streams that began afresh, because their client's events were gone."),
            Field("sessions_evicted", .uint64, "Sessions that made room for others."),
            Field(
                "held_bytes", .uint64,
                """
                Now: the memory that the server holds for its clients, unsent_bytes, replay_bytes
                and the following included.
                """),
            Field("arriving_bytes", .uint64, "Now: what arriving_bytes_max bounds."),
            Field("request_bytes", .uint64, "Now: what request_bytes_max bounds."),
            Field("session_bytes", .uint64, "Now: what session_bytes_max bounds."),
        ])
}
