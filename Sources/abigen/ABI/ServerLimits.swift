extension ABI {
    static let sizeFields = [
        Field(
            "message_bytes_max", .uint32, fallback: .bytes(4_194_304),
            "A longer body is refused with HTTP status 413.", maps: "limits.messageBytes"),
        Field(
            "header_bytes_max", .uint32, fallback: .bytes(65_536),
            "A longer request head is refused with HTTP status 431.", maps: "limits.headerBytes"),
        Field(
            "headers_max", .uint32, fallback: .count(100),
            "A request head with more lines is refused with HTTP status 431.",
            maps: "limits.headerCount"),
        Field(
            "json_depth_max", .uint32, fallback: .count(64),
            "JSON with more nested arrays and objects is refused. At most 2048.",
            maps: "limits.jsonDepth"),
        Field(
            "connections_max", .uint32, fallback: .count(16_384),
            "Maximum number of open connections; further ones are closed at once.",
            maps: "connectionsMax"),
        Field(
            "sessions_max", .uint32, fallback: .count(10_000),
            """
            Maximum number of sessions. At the limit, the session that has been idle for longest is
            closed, of those that never had a primary stream or a request. If there is none,
            initialize is refused with HTTP status 503, and a warning is logged.
            """, maps: "sessionsMax"),
        Field(
            "session_requests_max", .uint32, fallback: .count(256),
            """
            Maximum number of open requests of one session, and of open calls to its client. Further
            requests are refused with HTTP status 503, and further calls with SHTTP_ERR_LIMIT.
            """, maps: "sessionRequestsMax"),
    ]

    static let timeFields = [
        Field(
            "session_idle_ms", .uint32, fallback: .milliseconds(1_800_000),
            "A session that has been idle for this time is closed.", maps: "sessionIdle"),
        Field(
            "initialize_ms", .uint32, fallback: .milliseconds(30_000),
            """
            Time-out from the answer to initialize until the client sends notifications/initialized;
            after it, the session is closed.
            """, maps: "initialize"),
        Field(
            "keepalive_ms", .uint32, fallback: .milliseconds(15_000),
            "Interval between comments on an idle stream, so that proxies do not time it out.",
            maps: "keepAlive"),
        Field(
            "header_ms", .uint32, fallback: .milliseconds(30_000),
            """
            Time-out for the head of a request to arrive; after it, the request is refused with HTTP
            status 408.
            """, maps: "headArrival"),
        Field(
            "body_ms", .uint32, fallback: .milliseconds(30_000),
            """
            The same time-out for the body, from the end of the head. Also the time-out of a client
            that reads the last response of its connection; each part that it reads restarts it.
            """, maps: "bodyArrival"),
        Field(
            "connection_idle_ms", .uint32, fallback: .milliseconds(120_000),
            """
            A connection without a request or a stream is closed after this time. The time starts
            when its client has read everything that was sent, and restarts with each part that it
            reads.
            """, maps: "connectionIdle"),
    ]

    static let queueFields = [
        Field(
            "mailbox_messages_max", .uint32, fallback: .count(64),
            """
            Maximum number of messages queued in a session's mailbox while no primary stream is
            attached. They are sent when one is attached, and then kept for replay like other
            events: a client that reconnects without Last-Event-ID does not get them again.
            """, maps: "mailboxMessagesMax"),
        Field(
            "mailbox_bytes_max", .uint32, fallback: .bytes(65_536),
            "The same limit for their memory.", maps: "mailboxBytesMax"),
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
            """, maps: "unsentBytesMax"),
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
            connection can resume a stream (Last-Event-ID). Above it, the oldest sixteenth is
            dropped. UINT32_MAX: no events, and no stream can be resumed.
            """, maps: "replayEventsMax"),
        Field(
            "replay_bytes_max", .uint32, fallback: .bytes(1_048_576),
            "The same limit for their memory, plus one eighth for spare capacity.",
            maps: "replayBytesMax"),
        Field(
            "replay_total_bytes_max", .uint32, fallback: .bytes(268_435_456),
            "The same limit for the memory of all sessions together.", maps: "replayTotalBytesMax"),
        Field(
            "replay_ms", .uint32, fallback: .milliseconds(300_000),
            "An event is dropped at this age.", maps: "replayAge"),
        Field(
            "cors_origins", .text, .copied, form: .list,
            """
            Origins whose web pages may use the server from a browser (CORS): a comma-separated list
            as in allowed_origins, or "*". They also pass the check of Origin. NULL: no CORS header
            fields.
            """),
        Field(
            "session_unsent_bytes_max", .uint32, fallback: .bytes(33_554_432),
            "Maximum unsent data of all open streams of one session.", maps: "sessionUnsentBytesMax"
        ),
        Field(
            "total_unsent_bytes_max", .uint32, fallback: .bytes(268_435_456),
            "Maximum unsent data of all connections.", maps: "totalUnsentBytesMax"),
        Field(
            "detached_ms", .uint32, fallback: .milliseconds(300_000),
            """
            A request whose client has been disconnected for this time, and has not resumed its
            stream, is cancelled. The host then gets SHTTP_EVENT_CANCELLED.
            """, maps: "detached"),
        Field(
            "event_store", .constPointer(.structure("shttp_event_store")), .copied,
            """
            An event store of the host. NULL: events are kept in memory, within the replay_ limits,
            which have no effect on a store of the host. Not together with stateless.
            """),
        Field(
            "authorize", .uint32, fallback: .flag,
            """
            Nonzero: the host allows or refuses each request; see SHTTP_EVENT_AUTHORIZE. Not
            together with bearer_tokens.
            """),
        Field(
            "authorize_ms", .uint32, fallback: .milliseconds(10_000),
            """
            A request that the host has not allowed after this time is refused with HTTP status 503.
            """, maps: "authorizationWait"),
        Field(
            "bearer_tokens", .text, .copied, fallback: .named("NULL", "no authorization"),
            form: .list,
            """
            An allow-list of bearer tokens, separated by commas. Each is a token or principal:token;
            a token without a principal gets its own, token-1 and so on. Several tokens may have the
            same principal. Spaces after a comma are ignored; an empty or repeated token is
            SHTTP_ERR_INVALID_OPTION. Requests without one of the tokens get HTTP status 401. The
            library never logs the tokens or puts them in an event.
            """),
        Field(
            "resource_metadata", .bytes, .copied, fallback: .named("empty", "none is served"),
            form: .json,
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
            """, maps: "responseHead"),
        Field(
            "fence_ms", .uint32, fallback: .number(3), most: 1000,
            """
            How long a result is delayed after progress of its request was written to the primary
            stream's socket. Clients that read the two streams in two tasks, such as the official
            Python client, would otherwise process the result first and miss that progress. The
            delay grows by a third of this for each event written to the primary just before, and is
            at most 32 times this. Milliseconds, at most 1000; UINT32_MAX: no delay.
            """,
            maps: "fenceBreadth"),
        Field(
            "half_close", .uint32, fallback: .flag,
            """
            Nonzero: a client that has closed its sending side (a half-closed connection, as nc
            makes) still gets its answers. 0: such a client is treated as disconnected at once,
            which is what real clients mean by it.
            """, maps: "allowsHalfClose"),
        Field(
            "unix_mode", .uint32, fallback: .named("0", "as the process's umask allows"),
            form: .mode,
            "The file mode of a Unix socket, such as 0660: it decides who may connect."),
        Field(
            "arriving_bytes_max", .uint32, fallback: .bytes(134_217_728),
            """
            Maximum memory of all requests that have arrived only in part, or are queued after
            another request. Over the limit, the request that holds most is refused with HTTP status
            503.
            """, maps: "arrivingBytesMax"),
        Field(
            "request_bytes_max", .uint32, fallback: .bytes(67_108_864),
            """
            Maximum memory of all open requests: their heads, ids and progress tokens, calls to
            their clients, and streams of subscriptions/listen. At the limit, requests whose clients
            have disconnected are cancelled, the first to disconnect first; if there is none,
            further requests are refused with HTTP status 503.
            """, maps: "requestBytesMax"),
        Field(
            "session_bytes_max", .uint32, fallback: .bytes(67_108_864),
            """
            Maximum memory of all sessions: the clientInfo and capabilities of their clients, their
            mailboxes and subscriptions. At the limit, sessions are closed or refused as with
            sessions_max, and mailboxes accept no more messages.
            """, maps: "sessionBytesMax"),
        Field(
            "client_info_bytes_max", .uint32, fallback: .bytes(65_536),
            """
            Maximum size of the clientInfo and the capabilities of a client together; a larger
            initialize is refused.
            """, maps: "clientInfoBytesMax"),
        Field(
            "queue_bytes_max", .uint32, fallback: .bytes(67_108_864),
            """
            Maximum memory of queued events; see queue_events_max. Has no effect with on_event.
            """),
        Field(
            "address_share_percent", .uint32, fallback: .percent(50),
            """
            Maximum share that one peer address may use of connections_max, sessions_max,
            session_bytes_max, request_bytes_max, parked_max, listens_max and
            replay_total_bytes_max, in per cent; 100 or more: no limit per address. The first 64
            bits of an IPv6 address count as one address. Behind a proxy all clients have the
            proxy's address: use 100 there. Has no effect on a Unix socket.
            """, maps: "addressSharePercent"),
        Field(
            "principal_share_percent", .uint32, fallback: .percent(50),
            """
            The same share for one principal, but not of connections_max; see
            shttp_authorization_allow(). Has no effect without authorization.
            """, maps: "principalSharePercent"),
        Field(
            "access_log", .uint32, fallback: .flag,
            """
            Nonzero: the host gets SHTTP_EVENT_ACCESS for each HTTP request, with its status, bytes
            and time. Something must read them: with a queue, they count in queue_events_max.
            """, maps: "reportsExchanges"),
    ]

    private static let next = Version(minor: 2, patch: 0)

    static let modernFields = [
        Field(
            "revisions", .text, .copied, fallback: .named("NULL", "all"), form: .list,
            """
            The protocol revisions to serve, separated by commas: 2025-03-26, 2025-06-18 and
            2025-11-25, which have sessions, and 2026-07-28. Clients of another one are told which
            are served.
            """, since: next),
        Field(
            "discover_capabilities", .bytes, .copied,
            fallback: .named("empty", "the same as server_capabilities"), form: .json,
            """
            The capabilities in the result of server/discover, a JSON object. Those with listChanged
            and subscribe are also what subscriptions/listen tells of. Needs server_info.
            """, since: next),
        Field(
            "resource_covers", .callback("shttp_resource_covers"),
            fallback: .named("NULL", "a subscription covers that resource alone"),
            """
            Says whether a subscription to one resource covers another one, for
            shttp_server_publish().
            """, since: next),
        Field(
            "sse_path", .text, .copied, fallback: .named("NULL", "it is not served"),
            """
            The path of the transport of revision 2024-11-05, such as /sse, for clients that know
            nothing else: a GET opens a stream that names the URL to post to, and carries everything
            that the server sends. Its sessions end with their streams. Not together with stateless.
            """, since: next),
        Field(
            "parked_max", .uint32, fallback: .count(1_024),
            """
            Maximum number of requests that ask their clients for something with 2026-07-28; see
            shttp_request_call(). Further calls fail with SHTTP_ERR_LIMIT.
            """, maps: "parkedMax", since: next),
        Field(
            "parked_ms", .uint32, fallback: .milliseconds(300_000),
            """
            How long such a client may take to come back with its answers. Then its request is
            cancelled.
            """, maps: "parked", since: next),
        Field(
            "listens_max", .uint32, fallback: .count(1_024),
            """
            Maximum number of streams of subscriptions/listen; further ones get error -32603.
            """, maps: "listensMax", since: next),
        Field(
            "subscriptions_max", .uint32, fallback: .count(1_024),
            """
            Maximum number of resources that one stream of subscriptions/listen, or one session, may
            subscribe to.
            """, maps: "subscriptionsMax", since: next),
        Field(
            "keep_subscriptions", .uint32, fallback: .flag,
            """
            Nonzero: the library answers resources/subscribe and resources/unsubscribe of sessions
            itself, and shttp_server_publish() tells those that have subscribed.
            """, maps: "keepsSubscriptions", since: next),
        Field(
            "other_paths", .uint32, fallback: .flag,
            """
            Nonzero: requests for other paths than the endpoint's are SHTTP_EVENT_HTTP_REQUEST, for
            the host to answer, instead of 404. See shttp_exchange_respond().
            """, maps: "hasOtherPaths", since: next),
        Field(
            "session_store", .constPointer(.structure("shttp_session_store")), .copied,
            fallback: .named("NULL", "sessions end with the process"),
            """
            A session store of the host. Not together with stateless.
            """, since: next),
        Field(
            "store", .text, .copied,
            fallback: .named("NULL", "sessions and events end with the process"),
            """
            Where sessions and events are kept, so that they outlive the process: sqlite:PATH is a
            file on this machine; redis://HOST:PORT/DB or unix:PATH is a Redis or Valkey server,
            which any number of servers may share: each then takes any request of any session. Needs
            the module libstreamablehttp-sqlite.so.0 or libstreamablehttp-redis.so.0, of the
            package libstreamablehttp-sqlite0 or libstreamablehttp-redis0, beside this library or
            where the system finds it. The replay_ limits apply. Not together with event_store,
            session_store and stateless.
            """, since: next),
        Field(
            "store_sync", .uint32, fallback: .flag,
            """
            Nonzero: nothing is sent before the store has written what it was told up to then, so
            that not even the end of the machine loses it. Each answer waits for the disk. Needs
            store.
            """, since: next),
        Field(
            "store_queue_bytes_max", .uint32, fallback: .bytes(67_108_864),
            """
            Maximum memory of what waits to be written to the store. Beyond it messages are not
            stored, and a client that has lost its connection cannot resume past them.
            """, since: next),
        Field(
            "session_id_prefix", .text, .copied, fallback: .named("NULL", "none"),
            """
            What the Mcp-Session-Id of each session begins with, such as node-3-: a balancer can
            find the server by it. 1 to 32 letters, digits, dots, hyphens and underscores. The
            random part behind it is what names a session: stores get that alone, and ids with
            another server's prefix are understood.
            """, since: next),
    ]
}
