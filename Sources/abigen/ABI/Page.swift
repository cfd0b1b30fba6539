extension ABI {
    /// The introduction at the top of the header.
    static let page = modelPage + "\n\n" + modesPage + "\n\n" + rulesPage + "\n\n" + programPage

    private static let modelPage = """
        streamablehttp.h - serve the Model Context Protocol over Streamable HTTP.

        The host, which is your program, gives the library a port, receives JSON-RPC messages and
        answers them. The library does everything between the socket and the message: HTTP/1.1,
        event streams (SSE), sessions, routing of messages to streams, keep-alives, limits, checks
        of Origin and Host, and the differences between protocol revisions. The host decides what
        the messages mean: tools, resources and prompts. It may also declare these, and leave the
        messages to the library: see Catalog.

        SESSIONS AND STREAMS

        This is about the revisions up to 2025-11-25; for 2026-07-28 see TWO ERAS. A client opens a
        session with initialize and sends its id with every later request. With GET it opens one
        stream, the session's primary stream, which stays open for messages from the server. Each
        request opens a stream of its own, which ends with the result.

             client                              host
               | POST initialize      ------>      | SHTTP_EVENT_SESSION_OPENED
               | GET                  ------>      | SHTTP_EVENT_PRIMARY_OPENED
               |   <===== primary stream =====     | shttp_session_notify()
               | POST tools/call      ------>      | SHTTP_EVENT_REQUEST
               |   <===== primary stream =====     | shttp_request_progress()
               |   <===== request's stream ===     | shttp_request_call()
               | POST response        ------>      | SHTTP_EVENT_RESPONSE
               |   <===== request's stream ===     | shttp_request_respond()
               | DELETE               ------>      | SHTTP_EVENT_SESSION_CLOSED

        - Progress goes to the primary stream, or to the request's own stream while no primary is
          attached. The option progress_route can send it always to the request's own stream.
        - Log messages, notifications and calls to the client that belong to a request go to the
          request's own stream, and so does the result.
        - Messages that belong to no request go to the primary stream. While none is attached, they
          are queued in the session's mailbox, which is bounded.

        A stream survives the loss of its connection. The events that a session's streams have sent
        are kept, within the limits of the replay options. A client that reconnects (GET with
        Last-Event-ID) gets all events after its last one, and then new ones. If one of them is no
        longer kept, it gets HTTP status 400, never only some of them. A primary stream whose events
        are no longer kept restarts instead, and client and host are both notified. A request
        continues while its client is disconnected, and the host need not know. With
        shttp_request_hang_up() the host can close the connection itself.

        TWO ERAS

        With 2026-07-28 there are no sessions, no primary stream and no resuming: each request
        stands for itself. Clients of both eras use the same endpoint, and the host has one handler
        for both. It gets the same events, in which `revision` tells the era and `session` has key 0
        without a session, and it calls the same functions:

        - shttp_request_respond(): one JSON document, if nothing was sent before. The library adds
          what the host left out of the result.
        - shttp_request_progress(), shttp_request_log(): the answer becomes a stream. Log messages
          are sent only if the request asked for their level.
        - shttp_request_call(): the client gets a result that requires input, and repeats its
          request with the answers. The host's request goes on, and gets SHTTP_EVENT_RESPONSE.
        - shttp_server_publish(): tells both eras of a change.
        - A client that disconnects has cancelled its request: SHTTP_EVENT_CANCELLED.

        The library answers server/discover and subscriptions/listen, and checks the headers that
        repeat the body; see shttp_server_set_tools(). The option revisions serves one era alone.
        """

    private static let modesPage = """
        AUTHORIZATION

        Off by default. Two options turn it on: bearer_tokens is a list of accepted tokens; with
        authorize, the host decides on each request, which it receives as SHTTP_EVENT_AUTHORIZE
        before its body is read. Either way each HTTP request is checked by itself, knowing a
        session's id is not enough, and a session is visible only to the principal that opened it.
        So is a request that waits until its client comes back with input. resource_metadata tells
        clients where to get a token (RFC 9728). Use TLS with it: put a proxy in front.

        MODES

        The options stateless and response_mode disable parts of this. A call that the mode does not
        support fails with the status in the table: it returns that status, or, if it is made on
        another thread and only the loop can find out, SHTTP_EVENT_COMMAND_FAILED reports it.
        SHTTP_RESPONSE_AUTO counts as stream. A request of 2026-07-28 is served as in the columns
        under stateless, but shttp_request_call() works in both.

                                         with sessions      stateless
                                         stream   JSON      stream   JSON
            shttp_request_respond()      yes      yes       yes      yes
            shttp_request_fail()         yes      yes       yes      yes
            shttp_request_progress()     yes      (1)       (2)      (3)
            shttp_request_log()          yes      J         yes      J
            shttp_request_notify()       yes      J         yes      J
            shttp_request_call()         yes      J         S        S
            shttp_request_hang_up()      yes      J         S        S
            shttp_session_notify()       yes      yes       S        S
            shttp_session_call()         yes      yes       S        S
            shttp_session_hang_up()      yes      yes       S        S
            shttp_server_broadcast()     yes      yes       S        S
            SHTTP_EVENT_SESSION_...      yes      yes       none     none
            SHTTP_EVENT_PRIMARY_...      yes      yes       none     none

            J    SHTTP_ERR_JSON_RESPONSE
            S    SHTTP_ERR_STATELESS
            (1)  on the primary stream; J if it would need the request's own
            (2)  on the request's own stream
            (3)  J if the client asked for progress; otherwise nothing is sent
        """

    private static let rulesPage = """
        THREE KINDS OF OBJECTS

        - Loops and servers are pointers with one owner: a create function returns them, and the
          matching destroy function frees them. Destroying NULL does nothing.
        - Sessions, requests and calls are plain values that contain a key, because the client can
          end them at any moment. Using one that has ended returns SHTTP_ERR_NOT_FOUND; it is never
          a dangling pointer.
        - Bytes are borrowed by the side that receives them. Bytes that the host passes are read or
          copied before the call returns. Bytes that the library passes are valid as long as their
          description says, and the host never frees them.

        THREADS

        A loop and its servers belong to one thread at a time, the loop's thread: the one that runs
        the loop or, while none does, the one that last created, ran or joined it. Each function is
        marked:

        - [any thread] may be called on any thread, at any time. On the loop's thread a command is
          executed before it returns. On another thread its arguments are checked and copied, and it
          is queued; commands of one thread keep their order. SHTTP_OK then means queued; if the
          command fails later, SHTTP_EVENT_COMMAND_FAILED reports it.
        - [loop's thread] returns SHTTP_ERR_WRONG_THREAD on another thread, and changes nothing.

        Callbacks are called only by the loop, never from inside the call that caused them. They may
        call any function, including the destroy functions. While a callback runs, the loop does
        nothing else: it reads, writes and keeps alive no connection. Do long work on another
        thread. A C++ exception or a longjmp must not leave a callback; such an exception ends the
        process (std::terminate). The only thread that the library starts is that of
        shttp_loop_run_thread().

        SIGNALS AND PROCESSES

        The library changes no signal disposition, and its writes never raise SIGPIPE.

        A child of fork() cannot use the loops and servers of its parent. Functions called with one
        of their handles return SHTTP_ERR_CLOSED, and the destroy functions do nothing: they wait
        for no thread, make no callback, and leave sockets and files to the parent. The child holds
        copies of the listening sockets until it exits or calls exec. It may create its own loops
        and servers. fork() may be called on any thread and at any time, but after the fork of a
        program with several threads the child may call only a few functions until it calls exec:
        see fork(2).

        EVENTS

        A host receives events in one of two ways; the events are the same. With on_event set, the
        loop calls it. With on_event NULL, events are queued, and shttp_server_take_events() takes
        them out on any thread: there is no callback, and the loop keeps running while the host
        works.

        STATUSES AND OPTIONS

        Functions return a shttp_status, 0 or negative, and write their outputs only on success.
        There is no separate "last error": the two functions that can fail for many reasons,
        shttp_server_create() and shttp_server_listen(), write the reason to a buffer of the caller.
        Initialize options with the init macro of their struct; a field left 0 takes its default.

        COMPATIBILITY

        Within one SHTTP_ABI_VERSION, which is the number in libstreamablehttp.so.0, functions are
        only added, and fields only appended: to options, shttp_event and shttp_stats. Numbers are
        never reused. A program built with this header runs with every later library of the same ABI
        version.
        """

    private static let programPage = #"""
        A WHOLE SERVER

            #include <stdio.h>
            #include <streamablehttp.h>

            static void on_event(shttp_server *server, const shttp_event *event,
                                 void *user_data)
            {
              shttp_bytes method = event->method;
              shttp_status status = SHTTP_OK;

              (void)user_data;
              switch (event->kind) {
              case SHTTP_EVENT_REQUEST:
                if (method.len == 10 && memcmp(method.data, "tools/list", 10) == 0)
                  status = shttp_request_respond(server, event->request,
                                                 shttp_text("{\"tools\":[]}"));
                else
                  status = shttp_request_fail(server, event->request, -32601,
                                              shttp_text("Method not found"),
                                              shttp_text(NULL));
                break;
              default:
                break;
              }
              if (status != SHTTP_OK)
                fprintf(stderr, "%s\n", shttp_status_text(status));
            }

            int main(void)
            {
              char error[256] = "the loop cannot be created or run";
              shttp_server_options options;
              shttp_server *server = NULL;
              shttp_loop *loop = NULL;
              shttp_status status;

              shttp_server_options_init(&options);
              options.on_event = on_event;
              options.server_info = shttp_text("{\"name\":\"a\",\"version\":\"1\"}");
              options.server_capabilities = shttp_text("{\"tools\":{}}");
              status = shttp_loop_create(NULL, &loop);
              if (status == SHTTP_OK)
                status = shttp_server_create(loop, &options, &server,
                                             error, sizeof error);
              if (status == SHTTP_OK)
                status = shttp_server_listen(server, "127.0.0.1", 8080,
                                             error, sizeof error);
              if (status == SHTTP_OK)
                status = shttp_loop_run(loop);
              if (status != SHTTP_OK)
                fprintf(stderr, "%s\n", error);
              shttp_server_destroy(server);
              shttp_loop_destroy(loop);
              return status == SHTTP_OK ? 0 : 1;
            }
        """#
}
