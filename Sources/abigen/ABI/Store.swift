extension ABI {
    static let store: [Declaration] = [
        .section(
            "Event store",
            doc: """
                An event store keeps the events that a server's streams have sent, so that a client
                that lost its connection can resume (Last-Event-ID). By default events are kept in
                memory, within the replay_ limits. A host that needs more, or another storage, sets
                shttp_server_options.event_store: it then decides how much to keep, and for how
                long.

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
                        The session, by its Mcp-Session-Id: the same in every process that shares
                        the store. It is a secret that gives access to the session: do not log it.
                        """),
                    Field(
                        "stream", .bytes, .borrowed(until: .returns),
                        "The stream: 32 characters, unique and never reused."),
                    Field(
                        "number", .uint64,
                        """
                        The number of a message in its stream. Messages are numbered from 1, without
                        gaps.
                        """),
                    Field(
                        "message", .bytes, .borrowed(until: .returns),
                        "A JSON-RPC message, on one line."),
                    Field(
                        "load", .structure("shttp_load"),
                        "What shttp_load_finish() and shttp_load_fail() answer."),
                ])),
        .callback(
            Callback(
                name: "shttp_on_order",
                doc: """
                    Receives one order for an event store. shttp_event_store says what each function
                    has to do, and with which fields.
                    """,
                parameters: order)),
        .structure(
            Structure(
                name: "shttp_event_store",
                doc: "An event store of the host. Every function must be set.",
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
                        belongs to it: treat a stream of another session as unknown.
                        """),
                    Field(
                        "forget", .callback("shttp_on_order"),
                        "`session` has ended: its messages are no longer needed."),
                    Field("user_data", .address, .kept, "Passed to each function."),
                ])),
        .function(optionsInit("shttp_event_store", as: "store")),
        optionsMacro("shttp_event_store", as: "store"),
    ]

    static let loads: [Declaration] = [
        .section("Answers of an event store", doc: nil),
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
                Answers a load: the store does not have all the messages.

                The client gets HTTP status 400 and no message of the stream, because it could not
                detect that some are missing. A primary stream restarts instead; see
                SHTTP_EVENT_PRIMARY_GAP. If there is no answer for ten seconds, the client gets 503,
                or a primary stream restarts.
                """,
                target, statuses: [.ok, .invalidArgument, gone, .limit, .closed], mayIgnore: true)),
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
