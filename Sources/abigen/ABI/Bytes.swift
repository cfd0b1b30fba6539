extension ABI {
    static let bytes: [Declaration] = [
        .section("Values", doc: nil),
        .structure(
            Structure(
                name: "shttp_bytes",
                doc: """
                    Borrowed bytes: text or JSON in UTF-8, not NUL-terminated.

                    The side that passes bytes keeps their ownership: bytes that the host passes are
                    read or copied before the call returns, and bytes that the library passes are
                    valid as long as their description says. Neither side frees the bytes of the
                    other. NULL with len 0 is empty; NULL with a nonzero len is
                    SHTTP_ERR_INVALID_ARGUMENT, or in options SHTTP_ERR_INVALID_OPTION.
                    """,
                fields: [
                    Field("data", .octets, "May be NULL if len is 0."),
                    Field("len", .size, "In bytes."),
                ])),
        .headerOnly(
            doc: """
                A C string as bytes; NULL gives empty bytes.

                The bytes are not copied: they point to the string. It is an inline function: the
                library exports no such symbol.
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
                Finds a value in JSON text by its JSON Pointer (RFC 6901), such as /arguments/text.

                `*out` points into `json` and is valid as long as it is: the text of the value,
                unchanged, without whitespace around it; a string includes its quotes and escapes.
                If several members have the same name, the last one counts. The empty pointer means
                the whole value.

                `json` should be valid JSON, such as an event's message or params. In invalid JSON,
                the result is some part of it, or nothing.
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
                    Identifies a session of a client.

                    A plain value: copy it, keep it, compare its key. It may be used after the
                    session has ended: calls then return SHTTP_ERR_NOT_FOUND, and the key is never
                    reused for another session. It is not the Mcp-Session-Id in HTTP; see
                    shttp_session_wire_id().
                    """,
                fields: [Field("key", .uint64, "0 is no session.")])),
        .structure(
            Structure(
                name: "shttp_request",
                doc: """
                    Identifies a client's request that the host has not answered yet.

                    A plain value like shttp_session, invalid once the request has been answered or
                    cancelled. It is not the JSON-RPC id, which may be the same for two clients; see
                    shttp_event.id.
                    """,
                fields: [Field("key", .uint64, "0 is no request.")])),
        .structure(
            Structure(
                name: "shttp_call",
                doc: """
                    Identifies a request that the host made to the client.

                    A plain value like shttp_session, invalid once the host has received
                    SHTTP_EVENT_RESPONSE or has closed the call.
                    """,
                fields: [Field("key", .uint64, "0 is no call.")])),
        .structure(
            Structure(
                name: "shttp_authorization",
                doc: """
                    Identifies a request that the host has not allowed or refused yet.

                    A plain value like shttp_session, invalid once the host has answered, the client
                    has disconnected, or authorize_ms have passed.
                    """,
                fields: [Field("key", .uint64, "0 is no authorization.")])),
        .structure(
            Structure(
                name: "shttp_exchange",
                doc: """
                    Identifies a request for another path than the endpoint's, which the host has
                    not answered completely.

                    A plain value like shttp_session, invalid once the host has answered, or the
                    client has disconnected.
                    """,
                fields: [
                    Field(
                        "key", .uint64, .plain, "0 is no exchange.",
                        since: Version(minor: 2, patch: 0))
                ],
                since: Version(minor: 2, patch: 0))),
        .structure(
            Structure(
                name: "shttp_header",
                doc: """
                    A header of an HTTP response, as shttp_exchange_respond() takes an array of
                    them.
                    """,
                fields: [
                    Field(
                        "name", .bytes, .copied, "A token, such as Content-Type.",
                        since: Version(minor: 2, patch: 0)),
                    Field(
                        "value", .bytes, .copied,
                        "No control characters but tabs, so no CR and no LF; may be empty.",
                        since: Version(minor: 2, patch: 0)),
                ],
                since: Version(minor: 2, patch: 0))),
    ]
}
