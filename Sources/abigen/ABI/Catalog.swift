extension ABI {
    /// What a server offers, declared: a layer above requests and answers.
    static let catalog: [Declaration] =
        [
            .section(
                "Catalog",
                doc: """
                    Tools, resources and prompts, declared once each. The library then answers
                    tools/list, tools/call and their kin: it writes the schemas and the lists in
                    pages, checks arguments, calls the host with them decoded, keeps subscriptions
                    and log levels, and tells clients what has changed. What the catalog does not
                    know still reaches on_event, and a server may use both.

                    Everything may be added and removed while the server runs, from any thread. On
                    the loop's thread this is done before the function returns. On another thread it
                    is checked and queued, and if it fails later the host gets
                    SHTTP_EVENT_COMMAND_FAILED.

                    The capabilities of initialize and server/discover follow from what the catalog
                    holds, unless server_capabilities says them. The option server_info must be set.

                    Arrays of shttp_param, shttp_value and shttp_content keep their layout for ever.
                    The other structs begin with struct_size, sizeof the struct.
                    """)
        ] + catalogValues + catalogCallbacks + catalogEntries + catalogCommands + catalogReplies
        + catalogQuestions

    static let catalogSince = Version(minor: 2, patch: 0)
    static let reserved = Field("reserved", .address, "Must be NULL.")

    private static let catalogValues: [Declaration] = [
        .enumeration(
            Enumeration(
                name: "shttp_param_type", doc: "The type of a parameter.",
                cases: [
                    EnumCase("SHTTP_PARAM_STRING", 0, "A string.", since: catalogSince),
                    EnumCase(
                        "SHTTP_PARAM_INTEGER", 1, "An integer of 64 bits.", since: catalogSince),
                    EnumCase("SHTTP_PARAM_NUMBER", 2, "A number, a double.", since: catalogSince),
                    EnumCase("SHTTP_PARAM_BOOLEAN", 3, "True or false.", since: catalogSince),
                    EnumCase(
                        "SHTTP_PARAM_JSON", 4, "Any JSON value, or what `schema` says.",
                        since: catalogSince),
                ])),
        .structure(
            Structure(
                name: "shttp_param",
                doc: """
                    One parameter of a tool, or one argument of a prompt.

                    A table of them ends with one whose name is NULL. Fields that are left 0 say
                    nothing.
                    """,
                fields: [
                    Field("name", .text, .copied, "NULL ends the table."),
                    Field("description", .text, .copied, "For people and models to read."),
                    Field("type", .enumeration("shttp_param_type"), "Its type."),
                    Field("required", .int, "Nonzero: a call without it is refused."),
                    Field(
                        "min", .double,
                        """
                        The least value or, of a string, its least number of characters. min and max
                        count if one of them is not 0; one that is infinite is no bound.
                        """),
                    Field("max", .double, "The largest, likewise."),
                    Field(
                        "choices", .text, .copied,
                        "The only values that are allowed, as in \"red|green|blue\"."),
                    Field(
                        "fallback", .text, .copied,
                        """
                        The value if there is none in the call, which the schema shows as the
                        default: the text of a string; JSON of any other type.
                        """),
                    Field(
                        "header", .text, .copied,
                        """
                        Clients of 2026-07-28 repeat the argument in the header Mcp-Param- with this
                        name, and the library checks that (x-mcp-header).
                        """),
                    Field(
                        "schema", .text, .copied,
                        """
                        A JSON Schema, an object, instead of what the other fields say besides name
                        and required.
                        """),
                    reserved,
                ], since: catalogSince)),
        .structure(
            Structure(
                name: "shttp_value",
                doc: """
                    One argument of a call, decoded. It is borrowed: valid until the callback
                    returns.
                    """,
                fields: [
                    Field(
                        "given", .int,
                        "Nonzero: the client gave it. Otherwise the rest is the fallback, or 0."),
                    Field("boolean", .int, "1 for true."),
                    Field(
                        "text", .text, .borrowed(until: .returns),
                        """
                        A string, without its quotes and escapes, in UTF-8 and with a NUL at its
                        end; NULL for any other type.
                        """),
                    Field("text_len", .size, "Its length without that NUL; it may contain others."),
                    Field(
                        "integer", .int64,
                        "A number that is an integer of 64 bits; otherwise cut to one."),
                    Field(
                        "number", .double,
                        """
                        A number. One beyond a double is refused, or infinite if the type is
                        SHTTP_PARAM_JSON.
                        """),
                    Field(
                        "json", .bytes, .borrowed(until: .returns), "The value as it was written."),
                    reserved,
                ], since: catalogSince)),
        .structure(
            Structure(
                name: "shttp_context",
                doc: """
                    Who asks, and for what. New fields are only appended. To answer later keep
                    `server` and `request`.
                    """,
                fields: [
                    Field("server", .server, "The server."),
                    Field("request", .request, "What to answer."),
                    Field("session", .session, "Key 0 with 2026-07-28, and without sessions."),
                    Field("session_data", .address, "The pointer of shttp_session_set_data()."),
                    Field(
                        "principal", .bytes, .borrowed(until: .returns),
                        "The principal; empty without authorization."),
                    Field(
                        "name", .bytes, .borrowed(until: .returns),
                        "The name of the tool or prompt, or the URI that is read."),
                    Field(
                        "arguments", .bytes, .borrowed(until: .returns),
                        "The arguments as they were sent: a JSON object, or empty."),
                    Field(
                        "params", .bytes, .borrowed(until: .returns),
                        "All params of the request: see shttp_json_find()."),
                    Field(
                        "revision", .bytes, .borrowed(until: .returns),
                        "The protocol revision, such as 2025-11-25."),
                    Field(
                        "event", .constPointer(.structure("shttp_event")),
                        .borrowed(until: .returns), "The whole event, with headers and peer."),
                ], since: catalogSince)),
        .opaque(
            "shttp_listing",
            doc: "What a list or a completion is collected in, while a callback runs."),
        .enumeration(
            Enumeration(
                name: "shttp_kind", doc: "What a catalog holds.",
                cases: [
                    EnumCase("SHTTP_KIND_TOOL", 0, "A tool, by its name.", since: catalogSince),
                    EnumCase(
                        "SHTTP_KIND_RESOURCE", 1, "A resource, by its URI or URI template.",
                        since: catalogSince),
                    EnumCase("SHTTP_KIND_PROMPT", 2, "A prompt, by its name.", since: catalogSince),
                ])),
    ]

    private static let context = Parameter(
        "context", .constPointer(.structure("shttp_context")), .borrowed(until: .returns))
    private static let user = Parameter("user", .address)

    private static let catalogCallbacks: [Declaration] = [
        .callback(
            Callback(
                name: "shttp_on_call",
                doc: """
                    A tool is called, a resource is read, or a prompt is wanted: answer
                    `context->request` with one of the shttp_reply_ functions, now or later.

                    `values` are the arguments in the order of the parameters: one for each
                    parameter of the table, for each property of input_schema, or for each variable
                    of the URI template.
                    """,
                parameters: [
                    context,
                    Parameter(
                        "values", .constPointer(.structure("shttp_value")),
                        .borrowed(until: .returns)), user,
                ], since: catalogSince)),
        .callback(
            Callback(
                name: "shttp_on_cancel",
                doc: """
                    A call is cancelled: stop working on it, and do not answer it. Without this
                    callback the host gets SHTTP_EVENT_CANCELLED.
                    """,
                parameters: [
                    Parameter("server", .server), Parameter("request", .request), user,
                ], since: catalogSince)),
        .callback(
            Callback(
                name: "shttp_on_list",
                doc: """
                    Lists the resources of a template: call shttp_listing_add() for each, in an
                    order that stays the same.

                    `after` is what was added last for the page before, and NULL for the first page:
                    go on behind it. A client may have made it up. Stop when shttp_listing_add()
                    returns 0.
                    """,
                parameters: [
                    context, Parameter("listing", .pointer(.opaque("shttp_listing"))),
                    Parameter("after", .text, .borrowed(until: .returns)), user,
                ], since: catalogSince)),
        .callback(
            Callback(
                name: "shttp_on_complete",
                doc: """
                    Suggests values for an argument of a prompt, or a variable of a URI template:
                    call shttp_listing_add() for each. Those that do not begin with `typed` are left
                    out.
                    """,
                parameters: [
                    context, Parameter("listing", .pointer(.opaque("shttp_listing"))),
                    Parameter("argument", .text, .borrowed(until: .returns)),
                    Parameter("typed", .text, .borrowed(until: .returns)), user,
                ], since: catalogSince)),
        .callback(
            Callback(
                name: "shttp_is_visible",
                doc: """
                    Says whether a client may see a tool, resource or prompt: nonzero if it may. To
                    others it does not exist.
                    """,
                parameters: [
                    context, Parameter("kind", .enumeration("shttp_kind")),
                    Parameter("name", .text, .borrowed(until: .returns)), user,
                ], result: .int, since: catalogSince)),
    ]
}
