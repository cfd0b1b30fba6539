extension ABI {
    static let authorization: [Declaration] = [
        .section(
            "Authorization",
            doc: """
                With the option authorize, each SHTTP_EVENT_AUTHORIZE is answered once, with one of
                these, now or later. As for requests, a command from another thread is queued, and
                may fail later with SHTTP_EVENT_COMMAND_FAILED: the client may have gone.
                """),
        .enumeration(
            Enumeration(
                name: "shttp_refusal",
                doc: """
                    Why a request is refused. The client learns it from the status and from the
                    WWW-Authenticate header (RFC 6750, section 3), which also names the
                    resource_metadata if the server has that option.
                    """,
                cases: [
                    EnumCase(
                        "SHTTP_REFUSE_NO_CREDENTIALS", 1,
                        "There are no credentials, or none of a kind we take. HTTP status 401."
                    ),
                    EnumCase(
                        "SHTTP_REFUSE_INVALID_TOKEN", 2,
                        """
                        The token is expired, revoked, meant for another server, or no token of
                        ours. HTTP status 401, error="invalid_token".
                        """),
                    EnumCase(
                        "SHTTP_REFUSE_INSUFFICIENT_SCOPE", 3,
                        """
                        The token is good, and does not suffice. HTTP status 403,
                        error="insufficient_scope"; the scope should name all that is needed.
                        """),
                ])),
        .function(
            Function(
                "shttp_authorization_allow", .anyThread,
                """
                Lets a request go on in the name of `principal`.

                The principal is whatever tells the host's users apart, such as issuer, subject and
                client in one string, the same for each token of one user; at least one byte and at
                most 256. A session belongs to the principal that opened it: to any other it is
                unknown. After `expires_in_ms`, when the credentials expire, a
                stream that the request still has open ends, and its client comes back for it with
                new ones; 0: never.
                """,
                target + [
                    Parameter("principal", .bytes, .copied), Parameter("expires_in_ms", .uint32),
                ], statuses: outcome)),
        .function(
            Function(
                "shttp_authorization_refuse", .anyThread,
                """
                Refuses a request.

                `scope` is a list of scopes with a space between each two (RFC 6749, section 3.3):
                what a token needs. `description` is for the developer of the client, in printable
                ASCII. Both have at most 2048 bytes and may be empty.
                """,
                target + [
                    Parameter("reason", .enumeration("shttp_refusal")),
                    Parameter("scope", .bytes, .copied), Parameter("description", .bytes, .copied),
                ], statuses: outcome)),
    ]

    private static let target = [
        Parameter("server", .server), Parameter("authorization", .authorization),
    ]

    private static let outcome: [Status] = [
        .ok, .invalidArgument,
        .notFound.when("it was answered, or the request is gone"),
        .limit.when("the queue of commands is full"), .closed,
    ]
}
