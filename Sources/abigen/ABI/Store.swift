extension ABI {
    static let store: [Declaration] = [
        .section(
            "Stores",
            doc: """
                An event store keeps the events that a server's streams have sent, so that a client
                that lost its connection can resume (Last-Event-ID). By default events are kept in
                memory, within the replay_ limits. A host that needs more, or another storage, sets
                shttp_server_options.event_store: it then decides how much to keep, and for how
                long. A session store (shttp_server_options.session_store) keeps sessions, so that
                they outlive the process.

                The functions are called by the loop, like on_event: in the order in which things
                happen, before the client gets the message, and they may call any function. They
                should return quickly. A slow or remote store may write later (write-behind) and
                answer a load later, if its answers reflect the calls in the order in which it
                received them.
                """),
        .structure(
            Structure(
                name: "shttp_load",
                doc: """
                    Identifies a load: a client that waits for events from the store.

                    A plain value like shttp_session, invalid once it was answered, the client has
                    disconnected or ten seconds have passed.
                    """,
                fields: [Field("key", .uint64, "0 is no load.")])),
        .structure(
            Structure(
                name: "shttp_store_order",
                doc: """
                    What an event store is asked to do. Fields that the function does not name are
                    empty. New fields are only appended.
                    """,
                fields: [
                    Field(
                        "session", .bytes, .borrowed(until: .returns),
                        """
                        The session, by its Mcp-Session-Id without session_id_prefix: the same in
                        every process that shares the store. It is a secret that gives access to
                        the session: do not log it.
                        """),
                    Field(
                        "stream", .bytes, .borrowed(until: .returns),
                        "The stream: 32 characters, unique and never reused."),
                    Field(
                        "number", .uint64,
                        """
                        The number of a message in its stream. Messages are numbered from 1, without
                        gaps, but for those that the store has lost with a process: the next one may
                        have a higher number.
                        """),
                    Field(
                        "message", .bytes, .borrowed(until: .returns),
                        "A JSON-RPC message, on one line."),
                    Field(
                        "load", .structure("shttp_load"),
                        """
                        What shttp_load_finish(), shttp_load_finish_open(), shttp_find_finish() and
                        shttp_load_fail() answer.
                        """),
                    Field(
                        "record", .bytes, .borrowed(until: .returns),
                        """
                        What the library wants to know of a session or of a stream later: a JSON
                        object on one line. It is the library's own; return it unchanged.
                        """, since: next),
                    Field(
                        "idle_ms", .uint64, .plain,
                        """
                        How long a session must be kept, in milliseconds from now, if no order names
                        it again; 0 is for ever.
                        """, since: next),
                    Field(
                        "serial", .uint64, .plain,
                        """
                        The number of the order: 1, 2, 3 and so on, in the order in which a server
                        gives them to its stores.
                        """, since: next),
                ])),
        .callback(
            Callback(
                name: "shttp_on_order",
                doc: """
                    Receives one order for a store. shttp_event_store and shttp_session_store say
                    what each function has to do, and with which fields.
                    """,
                parameters: order)),
        .structure(
            Structure(
                name: "shttp_event_store",
                doc: "An event store of the host. Every function but `begin` must be set.",
                fields: [
                    Field("struct_size", .size, "Set by the initializer. Read-only."),
                    Field(
                        "keep", .callback("shttp_on_order"),
                        """
                        Stores a message: message `number` of `stream`, which belongs to `session`.
                        """),
                    Field(
                        "end", .callback("shttp_on_order"),
                        """
                        The stream `stream` of `session` has ended: no message follows. Store that,
                        too.
                        """),
                    Field(
                        "load", .callback("shttp_on_order"),
                        """
                        A client of `session` resumes `stream`. Find all its messages after `number`
                        (0: all messages), and answer `load` with shttp_load_finish(), or with
                        shttp_load_fail() if one is missing or the stream is unknown. The library
                        has checked that the client may use the session, but not that the stream
                        belongs to it: treat a stream of another session as unknown. If the last
                        message has a lower number, what was sent after it was never stored: the
                        client has it, and the answer has no message.
                        """),
                    Field(
                        "forget", .callback("shttp_on_order"),
                        "`session` has ended: its messages are no longer needed."),
                    Field("user_data", .address, .kept, "Passed to each function."),
                    Field(
                        "begin", .callback("shttp_on_order"),
                        fallback: .named("NULL", "such a stream cannot be resumed"),
                        """
                        The stream `stream` of `session` begins, for a request that `record`
                        describes. Not called for a stream of one message, which `keep` and `end`
                        follow at once. If a process ends before the request is answered, the record
                        is what another one needs to tell the client so; see
                        shttp_load_finish_open(). With a session store also called for primary
                        streams: from then on the stream is known, although it has no message.
                        """, since: next),
                ])),
        .function(optionsInit("shttp_event_store", as: "store")),
        optionsMacro("shttp_event_store", as: "store"),
        .structure(
            Structure(
                name: "shttp_session_store",
                doc: """
                    A session store of the host: where sessions are kept, so that they outlive the
                    process. Every function must be set.

                    A process that gets a request of a session that it does not know looks it up in
                    the store, and goes on with it: SHTTP_EVENT_SESSION_OPENED has `resumed`. Only
                    sessions that were opened are kept, and none of the transport of 2024-11-05
                    (sse_path). Not kept are session_data, messages in the mailbox and calls to the
                    client.

                    With an event_store as well, streams of such a session can be resumed, and the
                    client of a request that was open when its process ended is told so.
                    """,
                fields: [
                    Field("struct_size", .size, "Set by the initializer. Read-only."),
                    Field(
                        "keep", .callback("shttp_on_order"),
                        """
                        Stores `record` for `session`, for `idle_ms`: the session is new, or has
                        changed and the record replaces the one before.
                        """),
                    Field(
                        "touch", .callback("shttp_on_order"),
                        "`session` is in use: keep it for `idle_ms` from now."),
                    Field(
                        "find", .callback("shttp_on_order"),
                        """
                        A client has asked for `session`, which this process does not know. Answer
                        `load` with shttp_find_finish(), or with shttp_load_fail() if the store
                        cannot say.
                        """),
                    Field(
                        "forget", .callback("shttp_on_order"),
                        "`session` has ended: no process may find it again."),
                    Field("user_data", .address, .kept, "Passed to each function."),
                ], since: next)),
        .function(optionsInit("shttp_session_store", as: "store", since: next)),
        optionsMacro("shttp_session_store", as: "store"),
    ]

    private static let next = Version(minor: 2, patch: 0)

    static let loads: [Declaration] = [
        .section("Answers of a store", doc: nil),
        .function(
            Function(
                "shttp_load_finish", .anyThread,
                """
                Answers a load with all messages after the one it named, in order.

                A nonzero `ended` means that the stream ended with the last of them. An answer that
                does not reach the last stored message is treated as shttp_load_fail().
                """,
                target + [
                    Parameter("messages", .constPointer(.bytes), .copied),
                    Parameter("count", .size), Parameter("ended", .int),
                ],
                statuses: [
                    .ok, .invalidArgument.when("messages is NULL and count is not 0"),
                    .invalidMessage.when("one of the messages is not JSON"), .tooDeep, gone, .limit,
                    .closed,
                ], mayIgnore: true)),
        .function(
            Function(
                "shttp_load_fail", .anyThread,
                """
                Answers a load: the store does not have all the messages. Or answers a look-up: the
                store cannot say whether there is such a session.

                The client gets HTTP status 400 and no message of the stream, because it could not
                detect that some are missing. A primary stream restarts instead; see
                SHTTP_EVENT_PRIMARY_GAP. If there is no answer for ten seconds, the client gets 503,
                or a primary stream restarts. After a look-up the client gets 503 either way.
                """,
                target, statuses: [.ok, .invalidArgument, gone, .limit, .closed], mayIgnore: true)),
        .function(
            Function(
                "shttp_load_finish_open", .anyThread,
                """
                Answers a load of a stream that has not ended, as shttp_load_finish() does with an
                `ended` of 0, and says what `begin` had as its record.

                If no request of this server has the stream, the process that had it is gone. The
                client then gets the messages and, as the last one, an error that says so; the store
                gets that, too.
                """,
                target + [
                    Parameter("messages", .constPointer(.bytes), .copied),
                    Parameter("count", .size), Parameter("record", .bytes, .copied),
                ],
                statuses: [
                    .ok, .invalidArgument.when("messages is NULL and count is not 0"),
                    .invalidMessage.when(
                        "one of the messages is not JSON, or the record not a JSON object"),
                    .tooDeep, gone, .limit, .closed,
                ], mayIgnore: true, since: next)),
        .function(
            Function(
                "shttp_find_finish", .anyThread,
                """
                Answers a look-up of a session with its record; an empty one means that there is no
                such session.

                A record that is not one of the library's is the same as none, and is logged.
                """,
                target + [Parameter("record", .bytes, .copied)],
                statuses: [.ok, .invalidArgument, gone, .limit, .closed],
                mayIgnore: true, since: next)),
    ]

    private static let target = [
        Parameter("server", .server), Parameter("load", .structure("shttp_load")),
    ]
    private static let order = [
        Parameter("server", .server),
        Parameter(
            "order", .constPointer(.structure("shttp_store_order")), .borrowed(until: .returns)),
        Parameter("user_data", .address),
    ]
    private static let gone = Status.notFound.when(
        "the client has disconnected, or the load was answered")
}
