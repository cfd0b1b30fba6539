extension ABI {
    static let authorization: [Declaration] = [
        .section(
            "Authorization",
            doc: """
                With the option authorize, answer each SHTTP_EVENT_AUTHORIZE once, with one of these
                functions, now or later. As for requests, a command from another thread is queued,
                and may fail later with SHTTP_EVENT_COMMAND_FAILED, for example if the client has
                disconnected.
                """),
        .enumeration(
            Enumeration(
                name: "shttp_refusal",
                doc: """
                    Why a request is refused. The client receives it as the HTTP status and in the
                    WWW-Authenticate header (RFC 6750, section 3). That header also contains the URL
                    of the resource_metadata, if the server has that option.
                    """,
                cases: [
                    EnumCase(
                        "SHTTP_REFUSE_NO_CREDENTIALS", 1,
                        "There are no credentials, or none of a supported scheme. HTTP status 401."
                    ),
                    EnumCase(
                        "SHTTP_REFUSE_INVALID_TOKEN", 2,
                        """
                        The token is expired, revoked, issued for another server, or unknown. HTTP
                        status 401, error="invalid_token".
                        """),
                    EnumCase(
                        "SHTTP_REFUSE_INSUFFICIENT_SCOPE", 3,
                        """
                        The token is valid, but its scopes are not sufficient. HTTP status 403,
                        error="insufficient_scope"; `scope` should list all scopes that are needed.
                        """),
                ])),
        .function(
            Function(
                "shttp_authorization_allow", .anyThread,
                """
                Authorizes a request, as a request of `principal`.

                The principal identifies a user of the host, for example issuer, subject and client
                in one string. It must be the same for all tokens of one user, and has 1 to 256
                bytes. A session belongs to the principal that opened it: for any other, it does not
                exist. After `expires_in_ms`, when the credentials expire, a stream that the request
                still has open ends, and its client can resume it with new credentials; 0: never.
                """,
                target + [
                    Parameter("principal", .bytes, .copied), Parameter("expires_in_ms", .uint32),
                ], statuses: outcome,
                maps: .command(
                    """
                    allow($authorization, principal, \
                    expiresIn: $expires_in_ms > 0 ? Int64($expires_in_ms) : nil)
                    """,
                    requires: "let principal = Principal($principal)"))),
        .function(
            Function(
                "shttp_authorization_refuse", .anyThread,
                """
                Refuses a request.

                `scope` is the list of scopes that a token needs, separated by single spaces (RFC
                6749, section 3.3). `description` is for the developer of the client, in printable
                ASCII. Both have at most 2048 bytes and may be empty.
                """,
                target + [
                    Parameter("reason", .enumeration("shttp_refusal")),
                    Parameter("scope", .bytes, .copied), Parameter("description", .bytes, .copied),
                ], statuses: outcome)),
        .function(
            Function(
                "shttp_authorization_allow_tagged", .anyThread,
                """
                The same as shttp_authorization_allow(), with a tag for this request.

                `tag` is a number of the host's, or a pointer. The events that this request causes
                have it: SHTTP_EVENT_REQUEST, SHTTP_EVENT_NOTIFICATION and
                SHTTP_EVENT_SESSION_OPENED. It need not be the same for two requests of a principal,
                and does not tell principals apart. Unless it is 0, SHTTP_EVENT_TAG_RELEASED says
                when no further event can have it; if this command fails, there is no such event.
                """,
                target + [
                    Parameter("principal", .bytes, .copied), Parameter("expires_in_ms", .uint32),
                    Parameter("tag", .uint64),
                ], statuses: outcome,
                maps: .command(
                    """
                    allow($authorization, principal, \
                    expiresIn: $expires_in_ms > 0 ? Int64($expires_in_ms) : nil)
                    """,
                    requires: "let principal = Principal($principal, tag: $tag)"),
                since: Version(minor: 2, patch: 0))),
        .function(
            Function(
                "shttp_authorization_answer", .anyThread,
                """
                Answers a request that waits to be authorized with an HTTP response of the host's
                own, whatever its status.

                For what shttp_authorization_refuse() cannot say: another scheme than bearer, a
                redirect, a page, 429. See shttp_exchange_respond() for `http_status`, `headers` and
                `body`. Headers of CORS are added, if the option cors_origins admits the origin.
                """,
                target + ABI.response + [Parameter("body", .bytes, .copied)],
                statuses: outcome + [.invalidHeader], since: Version(minor: 2, patch: 0))),
    ]

    private static let target = [
        Parameter("server", .server), Parameter("authorization", .authorization),
    ]

    private static let outcome: [Status] = [
        .ok, .invalidArgument,
        .notFound.when("it was already answered, or the request has ended"),
        .limit.when("the queue of commands is full"), .closed,
    ]
}
