extension ABI {
    static let store: [Declaration] = [
        .section(
            "Event store",
            doc: """
                Where a server keeps what its streams have sent, so that a client that lost its
                connection can resume (Last-Event-ID). By default that is the memory of the process,
                within the replay_ limits. A host that wants more, or another place, gives
                shttp_server_options.event_store: it then decides how much to keep, and for how
                long.

                The functions are called by the loop's pump, as on_event is: in the order in which
                things happen, before the client gets the message, and they may call anything. They
                should return quickly; a store that is far away writes behind, and answers a load
                when it can, as long as it answers in the order in which it was told.
                """),
        .structure(
            Structure(
                name: "shttp_load",
                doc: """
                    Refers to a client that waits for what the store has kept.

                    A plain value like shttp_session, dead once it was answered, the client has gone
                    or ten seconds have passed.
                    """,
                fields: [Field("key", .uint64, "0 refers to no load.")])),
        .callback(
            Callback(
                name: "shttp_store_keep",
                doc: """
                    Keep a message of a stream.

                    `stream` is the stream's name, 32 characters that no other stream has or ever
                    will. The messages of a stream are numbered from 1, without a gap.
                    """,
                parameters: [
                    Parameter("server", .server), Parameter("session", .session), stream,
                    Parameter("number", .uint64),
                    Parameter("message", .bytes, .borrowed(until: .returns)), userData,
                ])),
        .callback(
            Callback(
                name: "shttp_store_end",
                doc: "No message will follow on a stream: keep that too.",
                parameters: [
                    Parameter("server", .server), Parameter("session", .session), stream, userData,
                ])),
        .callback(
            Callback(
                name: "shttp_store_load",
                doc: """
                    A client has come back. Find all messages of the stream after number `after`,
                    which is 0 for all of them, and answer with shttp_load_finish(), or with
                    shttp_load_fail() if one is missing or the stream is not known.

                    The client has shown that the session is its own, and nothing about the stream:
                    a stream of another session is not known.
                    """,
                parameters: [
                    Parameter("server", .server), Parameter("load", .structure("shttp_load")),
                    Parameter("session", .session), stream, Parameter("after", .uint64), userData,
                ])),
        .callback(
            Callback(
                name: "shttp_store_forget",
                doc: "A session has ended: what was kept for it is of no more use.",
                parameters: [
                    Parameter("server", .server), Parameter("session", .session), userData,
                ])),
        .structure(
            Structure(
                name: "shttp_event_store",
                doc: "A store of the host's. Every function must be set.",
                fields: [
                    Field("struct_size", .size, "Set by the initializer. Read-only."),
                    Field("keep", .callback("shttp_store_keep"), "Keeps a message."),
                    Field("end", .callback("shttp_store_end"), "Keeps that a stream has ended."),
                    Field("load", .callback("shttp_store_load"), "Looks for messages."),
                    Field("forget", .callback("shttp_store_forget"), "Drops a session's."),
                    Field("user_data", .address, .kept, "Passed to each of them."),
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
                Answers a load with every message that follows the one it named, in order.

                `ended` says, if not 0, that the stream ended with the last of them. An answer that
                stops short of what the store was told to keep counts as shttp_load_fail().
                """,
                target + [
                    Parameter("messages", .constPointer(.bytes), .copied),
                    Parameter("count", .size), Parameter("ended", .int),
                ],
                statuses: [
                    .ok, .invalidArgument.when("messages is NULL and count is not 0"),
                    .invalidMessage.when("one of the messages is not JSON"), gone, .limit, .closed,
                ], mayIgnore: true)),
        .function(
            Function(
                "shttp_load_fail", .anyThread,
                """
                Answers a load: the store does not have all of what was asked for.

                The client gets HTTP status 400, and nothing of the stream: a part of it would be
                taken for the whole. A primary stream begins afresh instead; see
                SHTTP_EVENT_PRIMARY_GAP. When no answer comes for ten seconds, the client gets 503,
                and a primary stream begins afresh.
                """,
                target, statuses: [.ok, .invalidArgument, gone, .limit, .closed], mayIgnore: true)),
    ]

    private static let target = [
        Parameter("server", .server), Parameter("load", .structure("shttp_load")),
    ]
    private static let stream = Parameter("stream", .bytes, .borrowed(until: .returns))
    private static let userData = Parameter("user_data", .address)
    private static let gone = Status.notFound.when("the client has gone, or has its answer")
}
