extension ABI {
    static let server: [Declaration] = serverOptions + serverLife + serverQueue

    /// The caller's buffer for the reason of a failure.
    private static let error = [Parameter("error", .textBuffer), Parameter("error_size", .size)]

    private static let serverLife: [Declaration] = [
        .section("Server", doc: nil),
        .function(
            Function(
                "shttp_server_create", .loopThread,
                """
                Creates a server on `loop`. It does not listen yet.

                With SHTTP_ERR_INVALID_OPTION, the reason is written to `error`: the name of the
                option, what is wrong with it and what to write instead, in at most `error_size`
                bytes including the final NUL. `error` may be NULL. On failure user_data_free is not
                called.
                """,
                [
                    Parameter("loop", .loop),
                    Parameter(
                        "options", .constPointer(.structure("shttp_server_options")), .copied),
                    Parameter("out", .pointer(.server), .given),
                ] + error,
                statuses: [
                    .ok, .invalidArgument, .invalidOption, .wrongThread, .descriptors, .system,
                ])),
        .function(
            Function(
                "shttp_server_listen", .loopThread,
                """
                Binds `address` and `port`, and starts to accept connections.

                - A numeric IPv4 or IPv6 address: "127.0.0.1", "::1", "0.0.0.0". NULL and
                  "localhost" mean "127.0.0.1". Other host names are not resolved.
                - "unix:/path" is a Unix socket, and `port` is ignored. A stale socket file is
                  replaced. The file is removed when the server closes, unless another file has
                  replaced it. See the option unix_mode.

                With port 0 the system chooses one; shttp_server_port() returns it. Before you
                listen on an address other than loopback, read about allowed_origins and
                allowed_hosts. If the address cannot be used, the reason is written to `error`, as
                with shttp_server_create().
                """,
                [
                    Parameter("server", .server), Parameter("address", .text, .copied),
                    Parameter("port", .uint16),
                ] + error,
                statuses: [
                    .ok, .invalidArgument, .wrongThread, .busy.when("the server already listens"),
                    .closed, .addressInUse, .addressUnavailable, .permission, .descriptors, .system,
                ])),
        .function(
            Function(
                "shttp_server_listen_fd", .loopThread,
                """
                Listens on a socket that the host, or whoever started it, has bound: TCP or a Unix
                socket, on which listen() was called. May be called several times, also after
                shttp_server_listen().

                With systemd's socket activation, `fd` is 3 to 3 + $LISTEN_FDS - 1. On success the
                descriptor belongs to the server, which makes it non-blocking and close-on-exec,
                and closes it when it closes or drains; the socket itself goes on to listen if
                another process, such as systemd, has a copy. On any failure it is still the
                caller's. The file of a Unix socket is not removed. The checks of Host and Origin
                are those for the address that is reached from farthest.
                """,
                [Parameter("server", .server), Parameter("fd", .int)],
                statuses: [
                    .ok, .invalidArgument.when("fd is no stream socket that listens"),
                    .wrongThread, .closed, .system.when("fd is in use on this loop already"),
                ], since: next)),
        .function(
            Function(
                "shttp_server_adopt_fd", .anyThread,
                """
                Serves a connected stream socket as if a client had connected to the server: a TCP
                connection that was accepted elsewhere, or one end of a socketpair().

                With SHTTP_OK the descriptor belongs to the server, which makes it non-blocking and
                close-on-exec, and closes it when the connection ends; at once if connections_max
                or a share is reached. On any failure it is still the caller's. The server need
                not listen; its checks of Host and Origin are then those for the loopback address.
                """,
                [Parameter("server", .server), Parameter("fd", .int)],
                statuses: [
                    .ok, .invalidArgument.when("fd is no connected stream socket"),
                    .limit.when("the queue of commands is full"), .closed,
                ], since: next)),
        .function(
            Function(
                "shttp_server_mount", .anyThread,
                """
                Lets two servers share connections: a request for the path of `server` that
                reaches `front`, or another server mounted on it, is served by `server`, and the
                other way round. So several endpoints are reached at one address.

                Each server keeps its options, its events and its sessions, and may run on a loop
                of its own. A connection that asks for another server's path changes to that
                server, and counts in its limits. A server that closes is no longer reached. There
                is no limit to the number of servers, but only one `front`.
                """,
                [Parameter("front", .server), Parameter("server", .server)],
                statuses: [
                    .ok, .invalidArgument,
                    .busy.when("one is mounted already, or they have a path in common"), .closed,
                ], since: next)),
        .function(
            Function(
                "shttp_server_port", .anyThread,
                """
                The port the server listens on; 0 if it does not listen, or listens on a Unix
                socket.
                """,
                [Parameter("server", .constPointer(.opaque("shttp_server")))], result: .uint16,
                maps: .value("ServerHandle.runtime($server)?.port ?? 0"))),
        .structure(stats),
        .function(
            Function(
                "shttp_server_stats_sized", .anyThread,
                """
                Writes the server's counters, as of the last iteration of the loop.

                Use shttp_server_stats(), which passes `stats_size`: the size of the caller's
                shttp_stats. Fields that this library does not know are set to 0.
                """,
                [
                    Parameter("server", .server),
                    Parameter("stats", .pointer(.structure("shttp_stats"))),
                    Parameter("stats_size", .size),
                ],
                statuses: [.ok, .invalidArgument])),
        .headerOnly(
            doc: "Writes the server's counters into a shttp_stats.",
            text: """
                #define shttp_server_stats(server, stats) \\
                  shttp_server_stats_sized((server), (stats), sizeof *(stats))
                """),
        .function(
            Function(
                "shttp_server_sessions", .anyThread,
                """
                Lists the sessions and open requests, for an operator. The list comes as
                SHTTP_EVENT_SESSIONS, with `call_data`.

                Its message is a JSON object with at most `limit` sessions (0: 1000, which is also
                the most), the oldest first. To read on, pass the number in its member next as
                `after`; 0 begins, and next is null at the end. A page ends early at a megabyte. All
                times are in milliseconds. Members may be added. authorizations has those that
                wait, and requests those of no session, at most `limit` of each, on the first page.
                Of a stateless server, requests stands in the place of sessions.

                 {"sessions":[{"session":"0x2a","principal":"alice","revision":"2025-11-25",
                   "client":"inspector","age_ms":9000,"idle_ms":10,"state":"ready",
                   "primary":{"attached":true,"peer":"127.0.0.1:54321","age_ms":8000,
                     "unsent_bytes":0,"mailbox_messages":0},
                   "replay_events":3,"replay_bytes":400,
                   "requests":[{"request":"0x7","id":3,"method":"tools/call","age_ms":100,
                     "stream":"attached","peer":"127.0.0.1:54322","waits_for":"host",
                     "unsent_bytes":0,
                     "calls":[{"call":"0x9","method":"roots/list","age_ms":50}]}],
                   "calls":[]}],
                  "requests":[],"requests_total":0,"listeners_total":0,"authorizations_total":1,
                  "authorizations":[{"authorization":"0x3","peer":"127.0.0.1:54323",
                    "target":"/mcp","age_ms":5}],
                  "next":null}

                stream is attached, detached (its client has disconnected), parked (its client has
                to come back; see parked_ms), none (nothing was sent yet) or json; waits_for is
                host, client (a call), socket, fence (see fence_ms) or store.
                """,
                [
                    Parameter("server", .server), Parameter("after", .uint64),
                    Parameter("limit", .uint32), Parameter("call_data", .address, .kept),
                ],
                statuses: [
                    .ok, .invalidArgument, .limit.when("the queue of commands is full"), .closed,
                ],
                mayIgnore: true,
                maps: .command(
                    """
                    sessions(after: $after == 0 ? nil : SessionKey(rawValue: $after), \
                    limit: $limit == 0 ? 1000 : Int($limit), data: $call_data)
                    """))),
        .function(
            Function(
                "shttp_server_drain", .anyThread,
                """
                Shuts the server down gracefully, for example on SIGTERM.

                It stops listening and refuses new requests with HTTP status 503. Primary streams
                end, and their clients are told to reconnect, perhaps to another process, after a
                random time of one to two seconds. Open requests may be answered until `deadline_ms`
                have passed; those that are left then are cancelled. Everything else is as with
                shttp_server_close(), and SHTTP_EVENT_CLOSED comes last. A second call can only make
                the deadline earlier.
                """,
                [Parameter("server", .server), Parameter("deadline_ms", .uint32)],
                statuses: [.ok, .invalidArgument, .closed.when("it is already closing")],
                mayIgnore: true, maps: .command("drain(deadline: Int64($deadline_ms))"))),
        .function(
            Function(
                "shttp_server_close", .anyThread,
                """
                Stops listening, and ends every session and stream.

                The host gets SHTTP_EVENT_SESSION_CLOSED for each session, and SHTTP_EVENT_CLOSED
                last. The server must still be destroyed.
                """,
                [Parameter("server", .server)],
                statuses: [.ok, .invalidArgument, .closed.when("it is already closing")],
                mayIgnore: true, maps: .command("close()"))),
        .function(
            Function(
                "shttp_server_destroy", .loopThread,
                """
                Closes the server without further events, and frees it.

                user_data_free is called after the last callback has run. This function may be
                called in a callback of this server. While no thread runs the loop, any thread may
                call it. No other thread may be inside a call with this server, or make one
                afterwards.

                On the loop's thread, no callback of the server or of its event_store follows,
                except user_data_free. It is called before this returns or, if this is called in a
                callback, after that callback. On another thread, the destruction is queued, and
                callbacks may run until user_data_free has been called. The forget function of an
                event_store is not called for the sessions that are left: use shttp_server_close()
                or shttp_server_drain() before, which end them in order.
                """,
                [Parameter("server", .server, .taken)], result: .void)),
    ]

    private static let serverQueue: [Declaration] = [
        .section(
            "Events without callbacks",
            doc: """
                For hosts that cannot, or do not want to, be called on a foreign thread: leave
                on_event NULL, run the loop with shttp_loop_run_thread(), poll the descriptor, and
                take the events in batches.
                """),
        .function(
            Function(
                "shttp_server_descriptor", .anyThread,
                """
                A descriptor to poll: it is readable while events are queued.

                It belongs to the server: do not read, write or close it. -1 if `server` is NULL or
                has an on_event.
                """,
                [Parameter("server", .constPointer(.opaque("shttp_server")))], result: .int,
                maps: .value("ServerHandle.runtime($server)?.descriptor ?? -1"))),
        .function(
            Function(
                "shttp_server_take_events_sized", .anyThread,
                """
                Moves up to `capacity` queued events into `events`. It never blocks.

                What the events point to is valid until the next call for this server, so only one
                thread at a time may take events. `*out_count` may be 0. The descriptor stops being
                readable when the queue is empty. Use shttp_server_take_events(), which passes
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

    private static let next = Version(minor: 2, patch: 0)

    private static let stats = Structure(
        name: "shttp_stats",
        doc: """
            Counters of a server. Fields before connections_total are current values; from there on
            they count since the server was created, unless marked "Now". New fields are appended.
            """,
        fields: [
            Field("connections", .uint64, "Open connections."),
            Field("sessions", .uint64, "Open sessions."),
            Field("streams", .uint64, "Event streams that are attached to a connection."),
            Field("requests", .uint64, "Requests without an answer."),
            Field("calls", .uint64, "Calls without an answer."),
            Field("unsent_bytes", .uint64, "Bytes queued for clients, not yet sent."),
            Field("replay_bytes", .uint64, "Bytes kept for replay to clients that resume."),
            Field("connections_total", .uint64, "Connections accepted."),
            Field("sessions_total", .uint64, "Sessions opened."),
            Field("requests_total", .uint64, "Requests accepted."),
            Field("resumed", .uint64, "Streams that clients resumed."),
            Field("resumes_refused", .uint64, "Attempts to resume a stream that were refused."),
            Field("mailbox_drops", .uint64, "Messages dropped because a mailbox was full."),
            Field(
                "result_drops", .uint64,
                "Answers dropped because their client had disconnected for good."),
            Field("response_drops", .uint64, "Responses of clients that matched no open call."),
            Field(
                "slow_connections", .uint64,
                "Connections closed because their client did not read."),
            Field("host_refusals", .uint64, "Requests refused for their Host."),
            Field("origin_refusals", .uint64, "Requests refused for their Origin."),
            Field(
                "session_refusals", .uint64,
                "Requests without a session, or with an unknown one."),
            Field(
                "limit_refusals", .uint64,
                "Requests and connections refused because of a limit."),
            Field("other_refusals", .uint64, "All other refused requests."),
            Field(
                "progress_drops", .uint64,
                "Progress replaced by newer progress before it was sent."),
            Field("log_drops", .uint64, "Log messages dropped because a client did not read."),
            Field(
                "accept_pauses", .uint64,
                "Times when accepting paused, for lack of descriptors."),
            Field(
                "authorizations", .uint64,
                "Now: requests that wait to be authorized by the host."),
            Field("credential_refusals", .uint64, "Requests without valid credentials (401)."),
            Field("scope_refusals", .uint64, "Requests with insufficient credentials (403)."),
            Field(
                "primary_gaps", .uint64,
                "Primary streams that restarted, because the events to resend were gone."),
            Field("sessions_evicted", .uint64, "Sessions closed to make room for others."),
            Field(
                "held_bytes", .uint64,
                """
                Now: the memory that the server holds for its clients. Includes unsent_bytes,
                replay_bytes and the following fields, but not what the catalog remembers of open
                requests: docs/LIMITS.md.
                """),
            Field("arriving_bytes", .uint64, "Now: the bytes that arriving_bytes_max limits."),
            Field("request_bytes", .uint64, "Now: the bytes that request_bytes_max limits."),
            Field("session_bytes", .uint64, "Now: the bytes that session_bytes_max limits."),
            Field(
                "parked_requests", .uint64, .plain,
                "Now: requests that wait for their clients to come back; see parked_max.",
                since: next),
            Field(
                "listeners", .uint64, .plain,
                "Now: streams of subscriptions/listen; see listens_max.", since: next),
            Field(
                "exchanges", .uint64, .plain,
                "Now: requests for other paths that the host has not answered completely.",
                since: next),
            Field(
                "sessions_resumed", .uint64, .plain,
                "Sessions found in the session store. Not part of sessions_total.", since: next),
            Field(
                "exchanges_relayed", .uint64, .plain,
                "Requests passed on to the server that has their session; see store.", since: next),
        ])
}
