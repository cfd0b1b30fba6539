extension ABI {
    private static let target = [Parameter("server", .server), Parameter("request", .request)]
    private static let text = Parameter("text", .text, .copied)
    private static let ended = Status.notFound.when("the request has ended")
    private static let outcome: [Status] = [
        .ok, .invalidArgument, .invalidMessage.when("a text is not UTF-8, or JSON not valid"),
        .tooDeep, ended, .disconnected, .limit, .closed,
    ]

    private static func content(_ name: String, _ value: Int32, _ doc: String) -> EnumCase {
        EnumCase("SHTTP_CONTENT_" + name, value, doc, since: catalogSince)
    }

    static let catalogReplies = replies + formats + escapes

    private static let replies: [Declaration] = [
        .enumeration(
            Enumeration(
                name: "shttp_content_type", doc: "The kinds of content.",
                cases: [
                    content("TEXT", 0, "Text in UTF-8."),
                    content("IMAGE", 1, "An image: binary data and its mime_type."),
                    content("AUDIO", 2, "Audio: binary data and its mime_type."),
                    content("RESOURCE", 3, "A resource with its uri, embedded as text."),
                    content("BLOB", 4, "A resource with its uri, embedded as binary data."),
                    content("LINK", 5, "A link to the resource of uri."),
                ])),
        .structure(
            Structure(
                name: "shttp_content",
                doc: """
                    One item of an answer. Binary data is encoded by the library.

                    In the answer to resources/read each item is text or binary data; without a uri
                    it is about the URI that is read, and without a mime_type it has the resource's.
                    """,
                fields: [
                    Field("type", .enumeration("shttp_content_type"), "What it is."),
                    Field("data", .bytes, .copied, "The text, or the binary data."),
                    Field("uri", .text, .copied, "Of a resource or a link."),
                    Field("mime_type", .text, .copied, "Its type."),
                    Field("name", .text, .copied, "Of a link. NULL: the URI."),
                    Field("title", .text, .copied, "Of a link."),
                    Field("description", .text, .copied, "Of a link."),
                    Field("annotations", .text, .copied, "A JSON object."),
                    Field(
                        "role", .text, .copied,
                        "In a prompt: \"user\", which is also NULL, or \"assistant\"."),
                    reserved,
                ], since: catalogSince)),
        .function(
            Function(
                "shttp_reply_text", .anyThread,
                """
                Answers a tool call, the reading of a resource, or a prompt with one text.

                This and all shttp_reply_ functions end the request, unless they return
                SHTTP_ERR_INVALID_MESSAGE, SHTTP_ERR_INVALID_ARGUMENT or SHTTP_ERR_LIMIT.
                """, target + [text], statuses: outcome, mayIgnore: true, since: catalogSince)),
        .function(
            Function(
                "shttp_reply_content", .anyThread,
                "Answers with any number of items, in order.",
                target + [
                    Parameter("items", .constPointer(.structure("shttp_content")), .copied),
                    Parameter("count", .size),
                ], statuses: outcome, mayIgnore: true, since: catalogSince)),
        .function(
            Function(
                "shttp_reply_structured", .anyThread,
                """
                Answers a tool call with structured content, a JSON object, which is also sent as
                text for clients that do not know it.

                If the tool has an output_schema that `json` does not fit, nothing is sent, the
                status is SHTTP_ERR_INVALID_MESSAGE, and the log says why.
                """,
                target + [Parameter("json", .bytes, .copied)], statuses: outcome, mayIgnore: true,
                since: catalogSince)),
        .function(
            Function(
                "shttp_reply_error_text", .anyThread,
                """
                Answers that something went wrong: a tool call with a result that has isError, which
                the model sees, anything else with a JSON-RPC error.
                """, target + [text], statuses: outcome, mayIgnore: true, since: catalogSince)),
        .function(
            Function(
                "shttp_reply_not_found", .anyThread,
                """
                Answers that there is no such resource, with the code that the client's revision has
                for that; a tool call that what it asks for was not found.
                """, target, statuses: outcome, mayIgnore: true, since: catalogSince)),
        .function(
            Function(
                "shttp_log_text", .anyThread,
                """
                Sends a log message about a request to its client, if it wants messages of this
                level: it has said so with logging/setLevel or, with 2026-07-28, in the request. A
                session that has said nothing gets all.

                `level` is one of debug, info, notice, warning, error, critical, alert and
                emergency. `logger` may be NULL.
                """,
                target + [
                    Parameter("level", .text, .copied), Parameter("logger", .text, .copied), text,
                ], statuses: outcome + [.jsonResponse], mayIgnore: true, since: catalogSince)),
    ]

    private static let escapes: [Declaration] = [
        .function(
            Function(
                "shttp_json_unescape", .anyThread,
                """
                Decodes a JSON string, which includes its quotes, to text in UTF-8.

                Writes at most `size` bytes, the last of which is NUL, and the length of the whole
                text to `*out`; if that is not less than `size`, the text was cut.
                """, escaping("json"),
                statuses: [.ok, .invalidArgument, .invalidMessage.when("it is no JSON string")],
                since: catalogSince)),
        .function(
            Function(
                "shttp_json_escape", .anyThread,
                "Encodes text in UTF-8 as a JSON string, with its quotes. The rest is the same.",
                escaping("text"),
                statuses: [.ok, .invalidArgument, .invalidMessage.when("it is not UTF-8")],
                since: catalogSince)),
    ]

    private static func escaping(_ name: String) -> [Parameter] {
        [
            Parameter(name, .bytes), Parameter("buffer", .textBuffer), Parameter("size", .size),
            Parameter("out", .pointer(.size)),
        ]
    }

    private static let question = [
        Parameter("on_answer", .callback("shttp_on_event")),
        Parameter("user", .address, .kept),
    ]
    private static let asked: [Status] =
        outcome + [.stateless, .jsonResponse, .notReady, .noCapability, .noCalls]

    static let catalogQuestions: [Declaration] = [
        .function(
            Function(
                "shttp_ask_elicit", .anyThread,
                """
                Asks the client's user for something, while a request is served.

                `schema` is a JSON Schema of type object. `on_answer` gets SHTTP_EVENT_RESPONSE:
                with status SHTTP_OK the answer is at /result of its message, and what the user
                wrote at /result/content. It is called once, unless this function fails or the
                server is destroyed; NULL leaves the event to on_event. See shttp_request_call().
                """,
                target + [
                    Parameter("message", .text, .copied), Parameter("schema", .text, .copied),
                ]
                    + question, statuses: asked, since: catalogSince)),
        .function(
            Function(
                "shttp_ask_sample", .anyThread,
                """
                Has the client's model answer a prompt, in at most `max_tokens` tokens.

                The answer is at /result/content of the message. See shttp_ask_elicit(). For more
                than one text, make the call sampling/createMessage with shttp_request_call().
                """,
                target + [
                    Parameter("prompt", .text, .copied), Parameter("max_tokens", .uint32),
                ] + question, statuses: asked, since: catalogSince)),
        .function(
            Function(
                "shttp_ask_roots", .anyThread,
                """
                Asks the client for its roots.

                The answer is at /result/roots of the message. See shttp_ask_elicit().
                """, target + question, statuses: asked, since: catalogSince)),
    ]

    /// A function with a format, which is inline: it needs nothing of the library but one that
    /// takes a text.
    private static func formatted(
        _ name: String, _ parameters: [String], _ doc: String, calls: String
    ) -> Declaration {
        let head = "static inline shttp_status \(name)("
        let indent = String(repeating: " ", count: head.count)
        let list = parameters.joined(separator: ",\n" + indent)
        let number = parameters.count
        return .headerOnly(
            doc: doc,
            text: """
                \(head)\(list),
                \(indent)...)
                  SHTTP_PRINTF(\(number), \(number + 1));
                \(head)\(list),
                \(indent)...)
                {
                  va_list arguments;
                  shttp_status status;
                  char *text;

                  va_start(arguments, format);
                  text = shttp_format(format, arguments);
                  va_end(arguments);
                  status = \(calls);
                  free(text);
                  return status;
                }
                """)
    }

    private static let targetText = ["shttp_server *server", "shttp_request request"]
    private static let formatText = ["const char *format"]

    private static let formats: [Declaration] = [
        .headerOnly(
            doc: """
                A text of a format and arguments as for vprintf(), which the caller frees; NULL if
                there is no memory. The functions with a format are inline: the library exports no
                such symbols.
                """,
            text: """
                static inline char *shttp_format(const char *format, va_list arguments)
                  SHTTP_PRINTF(1, 0);
                static inline char *shttp_format(const char *format, va_list arguments)
                {
                  va_list again;
                  char *text;
                  int length;

                  va_copy(again, arguments);
                  length = vsnprintf(NULL, 0, format, again);
                  va_end(again);
                  text = length < 0 ? NULL : (char *)malloc((size_t)length + 1);
                  if (text != NULL)
                    vsnprintf(text, (size_t)length + 1, format, arguments);
                  return text;
                }
                """),
        formatted(
            "shttp_reply_format", targetText + formatText,
            "shttp_reply_text() with a format and arguments as for printf().",
            calls: "shttp_reply_text(server, request, text)"),
        formatted(
            "shttp_reply_error", targetText + formatText,
            "shttp_reply_error_text() with a format and arguments as for printf().",
            calls: "shttp_reply_error_text(server, request, text)"),
        formatted(
            "shttp_log", targetText + ["const char *level", "const char *logger"] + formatText,
            "shttp_log_text() with a format and arguments as for printf().",
            calls: "shttp_log_text(server, request, level, logger, text)"),
    ]
}
