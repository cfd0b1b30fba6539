extension ABI {
    static let serverOptions: [Declaration] = [
        .section("Server options", doc: nil),
        .enumeration(
            Enumeration(
                name: "shttp_response_mode",
                doc: "The HTTP form of the answer to a client's request.",
                cases: [
                    EnumCase(
                        "SHTTP_RESPONSE_STREAM", 0,
                        "An event stream, which ends after the result."),
                    EnumCase(
                        "SHTTP_RESPONSE_JSON", 1,
                        """
                        One JSON document. Only the result can be sent: see the table of modes at
                        the top.
                        """),
                    EnumCase(
                        "SHTTP_RESPONSE_AUTO", 2,
                        """
                        An event stream if anything is sent before the result, otherwise one JSON
                        document. For the host it is the same as SHTTP_RESPONSE_STREAM.
                        """),
                ])),
        .enumeration(
            Enumeration(
                name: "shttp_progress_route",
                doc: "Which stream of a session carries shttp_request_progress().",
                cases: [
                    EnumCase(
                        "SHTTP_PROGRESS_PRIMARY", 0,
                        "The primary stream; the request's own while no primary is attached."),
                    EnumCase("SHTTP_PROGRESS_REQUEST", 1, "Always the request's own stream."),
                ])),
        .structure(
            Structure(
                name: "shttp_server_options",
                doc: """
                    Options for shttp_server_create(). Start with shttp_server_options_init(); a
                    field left 0 takes its default.

                    A field marked "Copied" need not outlive shttp_server_create(). New fields are
                    only appended: a program built with an older header gets the defaults of the
                    fields it lacks. One built with a newer header gets SHTTP_ERR_INVALID_OPTION
                    only if it sets a field that this library does not know.
                    """,
                fields: hostFields + modeFields + securityFields + sizeFields + timeFields
                    + queueFields + modernFields)),
        .function(optionsInit("shttp_server_options")),
        optionsMacro("shttp_server_options"),
        .function(
            Function(
                "shttp_server_option_set", .anyThread,
                """
                Sets one option by its name, from text: for configuration files, and for languages
                that do not know the struct.

                `value` is a number in decimal digits, a file mode in octal ones, "never" for a time
                without end, "true" or "false", the name of a choice as in "json" for
                SHTTP_RESPONSE_JSON, or the text itself. A text is not copied: it must be valid
                until shttp_server_create() has returned. Callbacks, user_data and event_store have
                no text form.
                """,
                [
                    Parameter("options", .pointer(.structure("shttp_server_options"))),
                    Parameter("name", .text), Parameter("value", .text),
                ],
                statuses: [
                    .ok, .invalidArgument,
                    .notFound.when("there is no such option, or it has no text form"),
                    .invalidOption.when("the option cannot have this value"),
                ])),
    ]

    private static let hostFields = [
        Field("struct_size", .size, "Set by the initializer. Read-only."),
        Field(
            "on_event", .callback("shttp_on_event"),
            fallback: .named("NULL", "events are queued for shttp_server_take_events()"),
            "Receives every event."),
        Field(
            "on_log", .callback("shttp_on_log"), fallback: .named("NULL", "see SHTTP_EVENT_LOG"),
            "Receives the lines of the log."),
        Field(
            "user_data", .address, .kept, fallback: .named("NULL"),
            "Passed to every callback. The library never reads through it."),
        Field(
            "user_data_free", .callback("shttp_user_data_free"), fallback: .named("NULL"),
            "Called once, after the last callback of the server."),
        Field(
            "log_level", .enumeration("shttp_log_level"), fallback: .named("SHTTP_LOG_WARNING"),
            "Lines less severe than this are not logged."),
    ]

    private static let modeFields = [
        Field(
            "response_mode", .enumeration("shttp_response_mode"),
            fallback: .named("SHTTP_RESPONSE_STREAM"), "The HTTP form of the answers to requests."),
        Field(
            "progress_route", .enumeration("shttp_progress_route"),
            fallback: .named("SHTTP_PROGRESS_PRIMARY"), "The stream that carries progress."),
        Field(
            "stateless", .uint32, fallback: .flag,
            """
            Nonzero: no sessions. Requests of 2026-07-28 have none either way, but may wait for
            their client's input; see parked_max.
            """, maps: "isStateless"),
        Field(
            "path", .text, .copied, fallback: .text("/mcp"),
            "The path of the endpoint. It starts with a slash."),
        Field(
            "server_info", .bytes, .copied,
            fallback: .named("empty", "the host receives these requests and answers them"),
            form: .json,
            """
            The serverInfo of initialize and server/discover, a JSON object such as
            {"name":"x","version":"1"}. The library then answers these and ping itself.
            """),
        Field(
            "server_capabilities", .bytes, .copied, fallback: .named("{}"), form: .json,
            """
            The capabilities of initialize and server/discover, a JSON object such as {"tools":{}}.
            Needs server_info.
            """),
        Field(
            "instructions", .bytes, .copied, fallback: .named("none"),
            """
            The instructions of initialize and server/discover, plain text in UTF-8. Needs
            server_info.
            """),
    ]

    private static let securityFields = [
        Field(
            "allowed_origins", .text, .copied,
            fallback: .named(
                "NULL", "loopback origins if the server is bound to loopback, otherwise none"),
            form: .list,
            """
            An allow-list of web origins, as scheme://host or scheme://host:port, separated by
            commas; scheme://host:* allows every port, and "*" every origin. Browsers leave out the
            port if it is the scheme's default. An entry that can match nothing is refused; an empty
            list allows none. A request without an Origin header does not come from a web page and
            is not checked.
            """),
        Field(
            "allowed_hosts", .text, .copied,
            fallback: .named(
                "NULL",
                "loopback names if bound to loopback, otherwise all"), form: .list,
            """
            An allow-list of names in the Host header, separated by commas: name or name:* for every
            port, name:port for one, and "*" for all names. An entry that can match nothing is
            refused. It is a protection against web pages that use DNS rebinding. On a Unix socket,
            which no web page can reach, every name is accepted.
            """),
    ]
}
