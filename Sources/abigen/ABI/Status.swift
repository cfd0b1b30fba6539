extension Status {
    static let ok = Status(0, "SHTTP_OK", "Success.")

    // The caller must change something.
    static let invalidArgument = Status(
        -1, "SHTTP_ERR_INVALID_ARGUMENT",
        "An argument is NULL, out of range, or bytes with a length but no data.",
        exception: PythonException("InvalidArgumentError", "ValueError"))
    static let invalidOption = Status(
        -2, "SHTTP_ERR_INVALID_OPTION",
        "A field of the options is invalid.",
        exception: PythonException("InvalidOptionError", "ValueError"))
    static let invalidMessage = Status(
        -3, "SHTTP_ERR_INVALID_MESSAGE",
        "Not valid JSON or UTF-8, or not a method name.",
        exception: PythonException("InvalidMessageError", "ValueError"))
    static let wrongThread = Status(
        -4, "SHTTP_ERR_WRONG_THREAD",
        "This may be called only on the loop's thread.",
        exception: PythonException("WrongThreadError", "RuntimeError"))
    static let notFound = Status(
        -5, "SHTTP_ERR_NOT_FOUND",
        "The object has ended or never existed.",
        exception: PythonException("NotFoundError", "LookupError"))
    static let tooDeep = Status(
        -6, "SHTTP_ERR_TOO_DEEP",
        "JSON that is nested deeper than json_depth_max.",
        exception: PythonException("TooDeepError", "InvalidMessageError"))

    static let invalidHeader = Status(
        -7, "SHTTP_ERR_INVALID_HEADER",
        "A header with a bad name or value, or one that the library writes.",
        exception: PythonException("InvalidHeaderError", "ValueError"),
        since: Version(minor: 2, patch: 0))

    // The peer.
    static let disconnected = Status(
        -100, "SHTTP_ERR_DISCONNECTED",
        "The client has disconnected.",
        exception: PythonException("DisconnectedError"))
    static let sessionEnded = Status(
        -101, "SHTTP_ERR_SESSION_ENDED",
        "The session ended before the client answered.",
        exception: PythonException("SessionEndedError"))
    static let cancelled = Status(
        -102, "SHTTP_ERR_CANCELLED",
        "The request or the call was cancelled.",
        exception: PythonException("RequestCancelledError"))

    static let notRepresentable = Status(
        -103, "SHTTP_ERR_NOT_REPRESENTABLE",
        "The message is JSON that jansson cannot represent.",
        exception: PythonException("NotRepresentableError", "ValueError"))

    static let noCapability = Status(
        -104, "SHTTP_ERR_NO_CAPABILITY",
        "The client has not declared that it can do this.",
        exception: PythonException("NoCapabilityError"), since: Version(minor: 2, patch: 0))

    // The system.
    static let addressInUse = Status(
        -200, "SHTTP_ERR_ADDRESS_IN_USE",
        "The address and port are in use, or a file exists at the path.",
        exception: PythonException("AddressInUseError", errno: "EADDRINUSE"))
    static let addressUnavailable = Status(
        -201, "SHTTP_ERR_ADDRESS_UNAVAILABLE",
        "Not an IP address of this machine, or not a usable path for a socket.",
        exception: PythonException("AddressUnavailableError", errno: "EADDRNOTAVAIL"))
    static let permission = Status(
        -202, "SHTTP_ERR_PERMISSION",
        "The system does not permit this.",
        exception: PythonException("AddressPermissionError", "PermissionError", errno: "EACCES"))
    static let descriptors = Status(
        -203, "SHTTP_ERR_DESCRIPTORS",
        "The process has no file descriptor left.",
        exception: PythonException("DescriptorsError", errno: "EMFILE"))
    static let system = Status(
        -204, "SHTTP_ERR_SYSTEM",
        "The system reports an error.",
        exception: PythonException("SystemCallError", "OSError"))

    // The library's state.
    static let stateless = Status(
        -300, "SHTTP_ERR_STATELESS",
        "This needs a session, and there is none.",
        exception: PythonException("StatelessError"))
    static let jsonResponse = Status(
        -301, "SHTTP_ERR_JSON_RESPONSE",
        "This needs a stream, and the answer is a JSON document.",
        exception: PythonException("JSONResponseError"))
    static let noStream = Status(
        -302, "SHTTP_ERR_NO_STREAM",
        "No stream of the session can carry this message.",
        exception: PythonException("NoStreamError"))
    static let notReady = Status(
        -303, "SHTTP_ERR_NOT_READY",
        "The client has not finished initializing.",
        exception: PythonException("NotReadyError"))
    static let limit = Status(
        -304, "SHTTP_ERR_LIMIT",
        "A bounded queue or table is full.",
        exception: PythonException("LimitError"))
    static let closed = Status(
        -305, "SHTTP_ERR_CLOSED",
        "The loop or the server is closing.",
        exception: PythonException("ClosedError"))
    static let busy = Status(
        -306, "SHTTP_ERR_BUSY",
        "The loop already runs, or the server already listens.",
        exception: PythonException("BusyError"))
    static let notResumable = Status(
        -307, "SHTTP_ERR_NOT_RESUMABLE",
        "The stream has no replay, or its client cannot resume it.",
        exception: PythonException("NotResumableError"))

    static let noCalls = Status(
        -308, "SHTTP_ERR_NO_CALLS",
        "This request cannot make such a call to its client.",
        exception: PythonException("NoCallsError"), since: Version(minor: 2, patch: 0))

    static let caller = [
        invalidArgument, invalidOption, invalidMessage, wrongThread, notFound, tooDeep,
        invalidHeader,
    ]
    static let peer = [disconnected, sessionEnded, cancelled, notRepresentable, noCapability]
    static let machine = [
        addressInUse, addressUnavailable, permission, descriptors, system,
    ]
    static let state = [
        stateless, jsonResponse, noStream, notReady, limit, closed, busy, notResumable, noCalls,
    ]
    static let all = [ok] + caller + peer + machine + state
}

extension ABI {
    static let status: [Declaration] = [
        .section("Status", doc: nil),
        .enumeration(
            Enumeration(
                name: "shttp_status",
                doc: """
                    The result of a function: SHTTP_OK, or a negative number.

                    The numbers are grouped by who must act. A number is never reused. A later
                    library may return one that is not in this list: treat every negative number as
                    an error. Each function lists the statuses it returns.
                    """,
                cases: cases)),
        .function(
            Function(
                "shttp_status_name", .anyThread,
                """
                The name of a status, such as "SHTTP_ERR_NOT_FOUND".

                For an unknown number it is "SHTTP_ERR_UNKNOWN". Never NULL.
                """,
                [Parameter("status", .status)], result: .text, .borrowed(until: .unload))),
        .function(
            Function(
                "shttp_status_text", .anyThread,
                """
                The meaning of a status, in one English sentence.

                Never NULL and never empty, also for unknown numbers.
                """,
                [Parameter("status", .status)], result: .text, .borrowed(until: .unload))),
    ]

    private static let cases =
        [EnumCase(Status.ok.name, 0, Status.ok.text)]
        + cases(Status.caller, "The caller must change something.")
        + cases(Status.peer, "The client did something.")
        + cases(Status.machine, "The system refused.")
        + cases(Status.state, "The library is not in a state that allows this.")

    /// Additional text for the header.
    private static let notes: [Int32: String] = [
        -2: """
        shttp_server_create() says which one, and why. Or the struct is from a newer header, and
        sets fields that this library does not know.
        """,
        -3: "Nothing was sent.",
        -5: """
        Normal in a correct program: the client can end a session or a request at any moment.
        """,
        -7: """
        Connection, Content-Length, Date, Keep-Alive, Trailer, Transfer-Encoding and Upgrade are the
        library's own. Nothing was sent.
        """,
        -100: "The stream for this message has no connection, and the message is dropped.",
        -6: "Nothing was sent.",
        -104: """
        Nothing was asked. With 2026-07-28 a client declares with each request what it can be asked
        for; answer without it, or fail with -32021.
        """,
        -201: "shttp_server_listen() says which, and what to write instead.",
        -204: "shttp_server_listen() says which.",
        -301: "See shttp_server_options.response_mode.",
        -303: "It must send notifications/initialized before the host may call it.",
        -304: """
        Nothing was sent. Wait until the loop or the client has caught up, or raise the limit.
        """,
        -308: """
        With 2026-07-28 only tools/call, prompts/get and resources/read can ask their client, and
        only for elicitation/create, sampling/createMessage and roots/list.
        """,
        -306: "Or the function was called from inside a callback and would deadlock.",
    ]

    private static func cases(_ statuses: [Status], _ group: String) -> [EnumCase] {
        statuses.enumerated().map { index, status in
            let note = notes[status.number].map { " " + $0 } ?? ""
            return EnumCase(
                status.name, status.number, status.text + note, group: index == 0 ? group : nil,
                since: status.since)
        }
    }
}
