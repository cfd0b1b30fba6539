extension ABI {
    static let bytes: [Declaration] = [
        .section("Values", doc: nil),
        .structure(
            Structure(
                name: "shttp_bytes",
                doc: """
                    Bytes that belong to someone else: text or JSON in UTF-8, without a NUL at the
                    end.

                    Always borrowed, in the direction of travel: what the host passes is read or
                    copied before the call returns, and what the library passes is valid as long as
                    its description says. Nobody ever frees what the other side passed. NULL with
                    len 0 is empty; a len without data is SHTTP_ERR_INVALID_ARGUMENT, in options
                    SHTTP_ERR_INVALID_OPTION.
                    """,
                fields: [
                    Field("data", .octets, "May be NULL if len is 0."),
                    Field("len", .size, "In bytes."),
                ])),
        .headerOnly(
            doc: """
                A C string as bytes; NULL as no bytes.

                The bytes are the string's own. It is an inline function: the library has no such
                symbol.
                """,
            text: """
                static inline shttp_bytes shttp_text(const char *text)
                {
                  shttp_bytes bytes;

                  bytes.data = (const uint8_t *)text;
                  bytes.len = text != NULL ? strlen(text) : 0;
                  return bytes;
                }
                """),
        .function(
            Function(
                "shttp_json_find", .anyThread,
                """
                Finds a value in JSON text by its JSON pointer (RFC 6901), such as /arguments/text.

                `*out` points into `json` and lives as long: the value as it is written, a string
                with its quotes and escapes, without blanks around it. Of members with the same name
                the last one counts. The empty pointer means the whole value.

                `json` should be valid, such as an event's message or params: in what is no JSON,
                anything may be found, or nothing.
                """,
                [
                    Parameter("json", .bytes), Parameter("pointer", .text),
                    Parameter("out", .pointer(.bytes)),
                ],
                statuses: [
                    .ok, .invalidArgument,
                    .notFound.when("there is no such value"),
                ])),
        .structure(
            Structure(
                name: "shttp_session",
                doc: """
                    Refers to a session of a client.

                    A plain value: copy it, keep it, compare its key. It is safe to use after the
                    session has ended; calls then return SHTTP_ERR_NOT_FOUND, and the key never
                    refers to another session. It is not the Mcp-Session-Id on the wire; see
                    shttp_session_wire_id().
                    """,
                fields: [Field("key", .uint64, "0 refers to no session.")])),
        .structure(
            Structure(
                name: "shttp_request",
                doc: """
                    Refers to a client's request that waits for the host's answer.

                    A plain value like shttp_session, dead once the request has been answered or
                    cancelled. It is not the JSON-RPC id, which two clients may share; see
                    shttp_event.id.
                    """,
                fields: [Field("key", .uint64, "0 refers to no request.")])),
        .structure(
            Structure(
                name: "shttp_call",
                doc: """
                    Refers to a request that the host made to the client.

                    A plain value like shttp_session, dead once SHTTP_EVENT_RESPONSE has brought the
                    client's answer or the host has given up the call.
                    """,
                fields: [Field("key", .uint64, "0 refers to no call.")])),
        .structure(
            Structure(
                name: "shttp_authorization",
                doc: """
                    Refers to a request that waits for the host to allow or refuse it.

                    A plain value like shttp_session, dead once the host has answered, the client
                    has gone, or authorize_ms have passed.
                    """,
                fields: [Field("key", .uint64, "0 refers to nothing.")])),
    ]
}
