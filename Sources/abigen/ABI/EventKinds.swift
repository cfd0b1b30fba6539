extension ABI {
    static let eventKind = Enumeration(
        name: "shttp_event_kind",
        doc: """
            The kind of an event. Each kind lists the fields of shttp_event that it sets, besides
            kind and handle. All other fields are 0; one that is listed may be 0 as well, where
            there is nothing to say.
            """,
        cases: [
            EnumCase(
                "SHTTP_EVENT_REQUEST", 1,
                """
                A client's request. Answer it with shttp_request_respond() or shttp_request_fail(),
                now or later, from any thread. wire_id is that of the session which an initialize
                is about to open (without server_info): it exists only if the answer is a result,
                and SHTTP_EVENT_SESSION_OPENED follows. An error, or a result without a revision
                that is served, ends that request with an error, and the session with it.
                """,
                sets: [
                    "session", "session_data", "principal", "request", "method", "id", "message",
                    "params", "headers", "revision", "peer", "target", "tag",
                ], maps: "request", special: ("initialize", ["wire_id"])),
            EnumCase(
                "SHTTP_EVENT_NOTIFICATION", 2,
                """
                A client's notification; it needs no answer. notifications/cancelled is delivered
                this way only if it names no open request, or the server is stateless; with
                2026-07-28 it is dropped.
                """,
                sets: [
                    "session", "session_data", "principal", "method", "message", "params",
                    "headers", "revision", "peer", "target", "tag",
                ], maps: "notification"),
            EnumCase(
                "SHTTP_EVENT_RESPONSE", 3,
                """
                The end of a call that the host made. With status SHTTP_OK, message is the client's
                JSON-RPC response, which contains a result or an error. With any other status there
                is no response: SHTTP_ERR_DISCONNECTED, SHTTP_ERR_SESSION_ENDED, SHTTP_ERR_CANCELLED
                if the request was answered, or SHTTP_ERR_NO_CAPABILITY if the client came back
                without it. If the call was made on another thread, it is also any status of
                shttp_request_call() or shttp_session_call() that only the loop can find out.
                """,
                sets: [
                    "status", "session", "session_data", "call", "call_data", "message", "revision",
                    "peer",
                ], maps: "response"),
            EnumCase(
                "SHTTP_EVENT_CANCELLED", 4,
                """
                A request has ended without an answer: stop working on it, and do not answer it.
                status is SHTTP_ERR_CANCELLED if the client cancelled it, and message is then its
                notification; SHTTP_ERR_DISCONNECTED if the client disconnected and did not resume
                in time or, on a stateless server or with 2026-07-28, if it disconnected or did not
                come back with its input within parked_ms; SHTTP_ERR_SESSION_ENDED; or
                SHTTP_ERR_CLOSED.
                """,
                sets: [
                    "status", "session", "session_data", "request", "method", "message", "params",
                    "revision", "peer",
                ], maps: "cancelled"),
            EnumCase(
                "SHTTP_EVENT_SESSION_OPENED", 5,
                """
                A client has initialized a session, or has come back with one of the session store
                that this process does not know (resumed). The first event of the session.
                """,
                sets: [
                    "session", "principal", "revision", "wire_id", "client_info",
                    "client_capabilities", "headers", "peer", "target", "tag", "resumed",
                ], maps: "sessionOpened"),
            EnumCase(
                "SHTTP_EVENT_SESSION_CLOSED", 6,
                """
                The session has ended: deleted by the client, idle for too long, not initialized in
                time (initialize_ms), or closed by the host; status is SHTTP_ERR_LIMIT if it was
                closed to make room for another one. With a session store also if it was idle
                here, or the server closes: the store keeps it. The last event of the
                session: free session_data now.
                """,
                sets: ["status", "session", "session_data"], maps: "sessionClosed"),
            EnumCase(
                "SHTTP_EVENT_PRIMARY_OPENED", 7,
                """
                The client has opened the session's primary stream, for the first time or again.
                Messages in the session's mailbox are sent now. If the stream was already open, it
                moves to the new connection: the old connection ends without
                SHTTP_EVENT_PRIMARY_CLOSED.
                """,
                sets: ["session", "session_data", "revision", "peer"], maps: "primaryOpened"),
            EnumCase(
                "SHTTP_EVENT_PRIMARY_CLOSED", 8,
                """
                The primary stream has lost its connection. Messages for it are queued in the
                session's mailbox.
                """,
                sets: ["session", "session_data", "revision"], maps: "primaryClosed"),
            EnumCase(
                "SHTTP_EVENT_COMMAND_FAILED", 9,
                """
                A command that was queued by another thread has failed. status is the reason;
                session, request, call, authorization or exchange is the one that was passed.
                """,
                sets: ["status", "session", "request", "call", "authorization", "exchange"],
                maps: "commandFailed"),
            EnumCase(
                "SHTTP_EVENT_LOG", 10,
                """
                A line of the log. Only for a host that takes events from the queue and has no
                on_log.
                """,
                sets: ["level", "text", "session", "method", "http_method", "target", "peer"],
                maps: "log"),
            EnumCase(
                "SHTTP_EVENT_CLOSED", 11,
                """
                The server has closed, after shttp_server_close() or shttp_server_drain(). The
                last event.
                """,
                sets: [], maps: "closed"),
            EnumCase(
                "SHTTP_EVENT_AUTHORIZE", 12,
                """
                A request waits to be authorized: only with the option authorize. Answer it with
                shttp_authorization_allow(), shttp_authorization_refuse() or
                shttp_authorization_answer(), now or later, from any thread. Its body has not been
                read, and later requests on its connection wait. If the client disconnects, no
                further event reports that.
                """,
                sets: [
                    "authorization", "http_method", "target", "scheme", "credentials", "headers",
                    "peer",
                ], maps: "authorize"),
            EnumCase(
                "SHTTP_EVENT_PRIMARY_GAP", 13,
                """
                A client has resumed the session's primary stream, but events after its
                Last-Event-ID are no longer kept. It has lost them, is notified of that, and
                receives the following ones. If the client needs the state that they described, send
                that again now.
                """,
                sets: ["session", "session_data", "revision", "peer"], maps: "primaryGap"),
            EnumCase(
                "SHTTP_EVENT_ACCESS", 14,
                """
                An HTTP exchange is over, from the first byte of its request to the last byte of its
                response: only with the option access_log. One event for each, also for requests
                that were refused; the last event of the exchange. method is empty if the request
                was refused before its body was read. http_method, target and method are for people
                to read: at most 256 bytes each, with a question mark for each byte that is not
                printable ASCII, and three dots for what is left out, as the query of target is.
                """,
                sets: [
                    "session", "method", "principal", "http_method", "target", "peer",
                    "http_status", "cut", "bytes_received", "bytes_sent", "duration_us",
                ], maps: "access"),
            EnumCase(
                "SHTTP_EVENT_SESSIONS", 15,
                """
                The answer to shttp_server_sessions(): message is one page of the list, a JSON
                object, and call_data is what was passed.
                """,
                sets: ["call_data", "message"], maps: "sessions"),
            EnumCase(
                "SHTTP_EVENT_RESOURCE_SUBSCRIBED", 16,
                """
                A resource has its first subscriber: a stream of subscriptions/listen, or a session
                if keep_subscriptions is on. From now on shttp_server_publish() of its uri reaches
                somebody.
                """,
                sets: ["uri"], maps: "resourceSubscribed", since: Version(minor: 2, patch: 0)),
            EnumCase(
                "SHTTP_EVENT_RESOURCE_UNSUBSCRIBED", 17,
                "A resource has lost its last subscriber.",
                sets: ["uri"], maps: "resourceUnsubscribed", since: Version(minor: 2, patch: 0)),
            EnumCase(
                "SHTTP_EVENT_HTTP_REQUEST", 18,
                """
                A request for another path than the endpoint's, with its body: only with the option
                other_paths. Answer it with shttp_exchange_respond() or shttp_exchange_start(), now
                or later, from any thread.
                """,
                sets: ["exchange", "http_method", "target", "headers", "body", "peer"],
                maps: "httpRequest", since: Version(minor: 2, patch: 0)),
            EnumCase(
                "SHTTP_EVENT_HTTP_CLOSED", 19,
                """
                A request for another path has ended before its answer did: stop working on it.
                status is SHTTP_ERR_DISCONNECTED, or SHTTP_ERR_CLOSED if the server closes;
                bytes_sent is that of the last SHTTP_EVENT_HTTP_WRITABLE.
                """,
                sets: ["status", "exchange", "bytes_sent"], maps: "httpClosed",
                since: Version(minor: 2, patch: 0)),
            EnumCase(
                "SHTTP_EVENT_HTTP_WRITABLE", 20,
                """
                The socket has taken all that was given to shttp_exchange_write() so far: bytes_sent
                of the body.
                """,
                sets: ["exchange", "bytes_sent"], maps: "httpWritable",
                since: Version(minor: 2, patch: 0)),
            EnumCase(
                "SHTTP_EVENT_TAG_RELEASED", 21,
                """
                No further event has the tag that was passed to shttp_authorization_allow_tagged():
                its connection has a later request, or is closed.
                """,
                sets: ["tag", "principal"], maps: "tagReleased",
                since: Version(minor: 2, patch: 0)),
            EnumCase(
                "SHTTP_EVENT_WRITABLE", 22,
                """
                The answer to shttp_request_when_writable() or, without a request,
                shttp_session_when_writable(): with status SHTTP_OK the stream has room. Any other
                status is the reason why there is nothing to write to: mostly SHTTP_ERR_NOT_FOUND,
                because the request or the session has ended.
                """,
                sets: ["status", "session", "session_data", "request"], maps: "writable",
                since: Version(minor: 2, patch: 0)),
            EnumCase(
                "SHTTP_EVENT_TOOL_CALL", 23,
                """
                A client calls a tool that was added without a callback; its arguments have been
                checked. Answer it with one of the shttp_reply_ functions, now or later, from any
                thread.
                """,
                sets: [
                    "session", "session_data", "principal", "request", "method", "id", "message",
                    "params", "headers", "revision", "peer", "target", "tag", "tool", "arguments",
                ], maps: "toolCall", since: Version(minor: 2, patch: 0)),
        ])
}
