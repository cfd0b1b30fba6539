extension ABI {
    private static let title = Field("title", .text, .copied, "The name for people.")
    private static let description = Field(
        "description", .text, .copied, "For people and models to read.")
    private static let size = Field("struct_size", .size, "The size of this struct.")
    private static let annotations = Field(
        "annotations", .text, .copied, "A JSON object, as the protocol has it.")
    private static let last = [
        Field("user", .address, .kept, "Passed to the callbacks."),
        Field(
            "user_free", .callback("shttp_user_data_free"),
            """
            Called once with user, when nothing uses it any more: it was removed, or the server has
            ended. Not called if adding fails.
            """),
    ]

    static let catalogEntries: [Declaration] = [
        .structure(
            Structure(
                name: "shttp_tool",
                doc: """
                    A tool. Everything is copied when it is added.

                    The parameters are given as a table, or as a JSON Schema. Of a schema these
                    keywords are checked: type, enum, const, minimum, maximum, exclusiveMinimum,
                    exclusiveMaximum, minLength, maxLength, minItems, maxItems, items, properties,
                    required and additionalProperties. All others are only shown to clients.
                    """,
                fields: [
                    size,
                    Field(
                        "name", .text, .copied,
                        "At most 128 letters, digits, and characters of \"_-./\"."),
                    title, description,
                    Field(
                        "params", .constPointer(.structure("shttp_param")), .copied,
                        "The parameters; NULL for none, or with input_schema."),
                    Field(
                        "input_schema", .text, .copied,
                        "A JSON Schema of type object, instead of params."),
                    Field(
                        "output_schema", .text, .copied,
                        """
                        A JSON Schema of type object for shttp_reply_structured(), which is checked.
                        """),
                    annotations,
                    Field(
                        "call", .callback("shttp_on_call"),
                        "Called with the arguments. NULL: SHTTP_EVENT_TOOL_CALL."),
                    Field(
                        "cancelled", .callback("shttp_on_cancel"),
                        "Called if a call is cancelled before it is answered. May be NULL."),
                ] + last, since: catalogSince)),
        .structure(
            Structure(
                name: "shttp_resource",
                doc: "A resource, or all that a URI template stands for.",
                fields: [
                    size,
                    Field(
                        "uri", .text, .copied,
                        """
                        The URI, or a template with variables, as in kv://{key} (RFC 6570, level 1).
                        """),
                    Field("name", .text, .copied, "The name. NULL: the URI."), title, description,
                    Field("mime_type", .text, .copied, "The type of what is read."), annotations,
                    Field(
                        "text", .text, .copied,
                        "What is read, if it is always the same text; NULL: read is called."),
                    Field(
                        "read", .callback("shttp_on_call"),
                        """
                        Called to read it, with the values of the variables, decoded. NULL, without
                        text: the host gets SHTTP_EVENT_REQUEST.
                        """),
                    Field(
                        "list", .callback("shttp_on_list"),
                        "Lists the resources of a template. NULL: they are not listed."),
                    Field(
                        "complete", .callback("shttp_on_complete"),
                        "Suggests values for the variables of a template. May be NULL."),
                ] + last, since: catalogSince)),
        .structure(
            Structure(
                name: "shttp_prompt",
                doc: "A prompt.",
                fields: [
                    size, Field("name", .text, .copied, "At most 128 bytes."), title, description,
                    Field(
                        "params", .constPointer(.structure("shttp_param")), .copied,
                        """
                        The arguments, all of them strings; choices are suggested to the client.
                        NULL for none.
                        """),
                    Field(
                        "get", .callback("shttp_on_call"),
                        "Called with the arguments. NULL: the host gets SHTTP_EVENT_REQUEST."),
                    Field(
                        "complete", .callback("shttp_on_complete"),
                        "Suggests values for the arguments. May be NULL."),
                ] + last, since: catalogSince)),
        .structure(
            Structure(
                name: "shttp_catalog_options",
                doc: "Options of a catalog. 0 is the default.",
                fields: [
                    size,
                    Field(
                        "page_max", .uint32, fallback: .count(250),
                        "How many a page of a list has at most."),
                    Field(
                        "entries_max", .uint32, fallback: .count(10_000),
                        """
                        How many tools, resources, templates and prompts there may be, each. One
                        that is there can still be replaced.
                        """),
                    Field(
                        "ttl_ms", .uint32, fallback: .number(0),
                        "How long clients of 2026-07-28 may keep a list, in milliseconds."),
                    Field(
                        "is_public", .uint32, fallback: .flag,
                        """
                        Nonzero: a cache may give a list to every client. Not with is_visible.
                        """),
                    Field(
                        "is_visible", .callback("shttp_is_visible"),
                        fallback: .named("NULL", "all"),
                        "Says who may see what."),
                    Field("user", .address, .kept, "Passed to is_visible."),
                ], since: catalogSince)),
    ]

    private static let handle = Parameter("server", .server)
    private static let added: [Status] = [
        .ok,
        .invalidArgument.when(
            "a field is missing or wrong, or struct_size is unknown"),
        .invalidMessage.when("JSON is not valid, or no object"), .tooDeep,
        .limit.when("there are entries_max of them, or the queue of commands is full"), .closed,
    ]
    private static let removed: [Status] = [
        .ok, .invalidArgument, .notFound.when("there is none of that name"),
        .limit.when("the queue of commands is full"), .closed,
    ]

    private static func add(_ name: String, _ doc: String) -> Declaration {
        .function(
            Function(
                "shttp_\(name)_add", .anyThread, doc,
                [handle, Parameter(name, .constPointer(.structure("shttp_\(name)")), .copied)],
                statuses: added, since: catalogSince))
    }

    private static func remove(_ name: String, by key: String) -> Declaration {
        .function(
            Function(
                "shttp_\(name)_remove", .anyThread,
                """
                Removes a \(name), and tells clients.

                Calls that are not answered yet are not affected.
                """, [handle, Parameter(key, .text, .copied)], statuses: removed,
                mayIgnore: true, since: catalogSince))
    }

    static let catalogCommands: [Declaration] = [
        add(
            "tool",
            """
            Adds a tool, or replaces the one of that name, and tells clients.

            As with shttp_server_set_tools(), parameters with a header are checked from then on: do
            not use both.
            """),
        remove("tool", by: "name"),
        add("resource", "Adds a resource or a template, or replaces it, and tells clients."),
        remove("resource", by: "uri"),
        .function(
            Function(
                "shttp_resource_changed", .anyThread,
                "Tells the clients that have subscribed to a resource that it has changed.",
                [handle, Parameter("uri", .text, .copied)],
                statuses: [
                    .ok, .invalidArgument, .invalidMessage.when("the URI is not UTF-8"),
                    .limit.when("the queue of commands is full"), .closed,
                ], mayIgnore: true, since: catalogSince)),
        .function(
            Function(
                "shttp_resource_list_changed", .anyThread,
                "Tells clients that what shttp_on_list() lists has changed.",
                [handle],
                statuses: [
                    .ok, .invalidArgument, .limit.when("the queue of commands is full"), .closed,
                ], mayIgnore: true, since: catalogSince)),
        add("prompt", "Adds a prompt, or replaces the one of that name, and tells clients."),
        remove("prompt", by: "name"),
        .function(
            Function(
                "shttp_catalog_set", .anyThread, "Sets the options of the server's catalog.",
                [
                    handle,
                    Parameter(
                        "options", .constPointer(.structure("shttp_catalog_options")), .copied),
                ],
                statuses: [
                    .ok, .invalidArgument.when("struct_size is unknown"),
                    .limit.when("the queue of commands is full"), .closed,
                ], since: catalogSince)),
        .function(
            Function(
                "shttp_listing_add", .loopThread,
                """
                Adds to a list or a completion, within the callback that has `listing`.

                Of a template with one variable `value` is the variable's value; of one with more it
                is the whole URI. Returns 0 if nothing more is wanted: the page is full, or a
                pointer is NULL.
                """,
                [
                    Parameter("listing", .pointer(.opaque("shttp_listing"))),
                    Parameter("value", .text, .copied),
                ], result: .int, since: catalogSince)),
        .function(
            Function(
                "shttp_on_event_decline", .loopThread,
                """
                An on_event for a server whose catalog is all it has: it answers each request that
                reaches it with -32601, method not found, and ignores all other events. Requests are
                also SHTTP_EVENT_INITIALIZE, and SHTTP_EVENT_TOOL_CALL of a tool without a callback.
                """,
                [
                    handle,
                    Parameter(
                        "event", .constPointer(.structure("shttp_event")),
                        .borrowed(until: .returns)), Parameter("user_data", .address),
                ], result: .void, since: catalogSince)),
    ]
}
