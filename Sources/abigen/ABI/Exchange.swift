extension ABI {
    /// What begins an HTTP response of the host's.
    static let response = [
        Parameter("http_status", .uint32),
        Parameter("headers", .constPointer(.structure("shttp_header")), .copied),
        Parameter("header_count", .size),
    ]

    static let exchange: [Declaration] = [
        .section(
            "Other paths",
            doc: """
                With the option other_paths, requests for other paths than the endpoint's are the
                host's: health checks, the pages of an authorization server, files. Answer each
                SHTTP_EVENT_HTTP_REQUEST once: with shttp_exchange_respond(), or in parts with
                shttp_exchange_start(), shttp_exchange_write() and shttp_exchange_end(), now or
                later. As for requests, a command from another thread is queued, and may fail later
                with SHTTP_EVENT_COMMAND_FAILED.

                Neither Origin nor credentials of these requests are checked, only Host: the host
                decides who may do what, and whose pages may read it (CORS). A page of any origin
                can send simple requests, so check Origin before a request changes anything.
                """),
        .function(
            Function(
                "shttp_exchange_respond", .anyThread,
                """
                Answers a request for another path.

                `http_status` is 200 to 599. `headers` is an array of `header_count` headers, NULL
                for none. The library adds Date, Content-Length and, if the connection ends,
                Connection; these, Keep-Alive, Trailer, Transfer-Encoding and Upgrade are refused
                here. There is no body with 204 and 304, nor for HEAD: what is given is not sent.
                """,
                target + response + [Parameter("body", .bytes, .copied)],
                statuses: outcome
                    + [
                        .invalidHeader, .disconnected,
                        .notFound.when("it has been answered or begun, or its client has gone"),
                    ], since: next)),
        .function(
            Function(
                "shttp_exchange_start", .anyThread,
                """
                Begins an answer whose body follows in parts; see shttp_exchange_respond().

                The body is chunked or, for a client of HTTP/1.0, ends with the connection.
                """,
                target + response,
                statuses: outcome
                    + [
                        .invalidHeader,
                        .notFound.when("it has been answered or begun, or its client has gone"),
                    ], since: next)),
        .function(
            Function(
                "shttp_exchange_write", .anyThread,
                """
                Sends a part of the body.

                What the client has not read is kept, up to unsent_bytes_max: beyond it, nothing is
                sent, and SHTTP_ERR_LIMIT is returned or, on another thread, reported later. A part
                that is longer is sent while nothing before it is kept. SHTTP_EVENT_HTTP_WRITABLE
                says when to go on, so a thread that counts what it has written since need not run
                into the limit. A client that reads nothing for body_ms is disconnected.
                """,
                target + [Parameter("data", .bytes, .copied)],
                statuses: outcome
                    + [
                        .noStream.when("shttp_exchange_start() was not called"), .disconnected,
                        .notFound.when("the answer has ended, or its client has gone"),
                    ], since: next)),
        .function(
            Function(
                "shttp_exchange_end", .anyThread,
                "Ends the body.", target,
                statuses: outcome
                    + [
                        .noStream.when("shttp_exchange_start() was not called"),
                        .notFound.when("the answer has ended, or its client has gone"),
                    ], since: next)),
    ]

    private static let next = Version(minor: 2, patch: 0)

    private static let target = [Parameter("server", .server), Parameter("exchange", .exchange)]

    private static let outcome: [Status] = [.ok, .invalidArgument, .limit, .closed]
}
