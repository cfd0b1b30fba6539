extension ABI {
    /// The page at the top of the header: what a C programmer reads first.
    static let page = modelPage + "\n\n" + rulesPage + "\n\n" + programPage

    private static let modelPage = """
        streamablehttp.h - serve the Model Context Protocol over Streamable HTTP.

        The host gives the library a port, gets JSON-RPC messages and answers them. All between the
        socket and the message is the library's: HTTP/1.1, event streams (SSE), sessions, the
        routing of messages to streams, keep-alives, limits, the checks of Origin and Host, and the
        differences between protocol revisions. What the messages mean, tools and resources and
        prompts, is the host's.

        SESSIONS AND STREAMS

        A client opens a session with initialize and names it in every later request. It opens one
        stream with GET, the session's primary stream, which stays open for whatever the server has
        to say. Each request opens a stream of its own, which ends with the result.

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
          attached. The option progress_route sends it to the request's own stream always.
        - Log messages, notifications and calls to the client that belong to a request go to the
          request's own stream, and so does the result.
        - Messages that belong to no request go to the primary stream. While none is attached they
          wait in the session's mailbox, which is bounded.

        Streams outlive their connections. What a session's streams have sent is kept, within the
        bounds of the replay options, and a client that comes back (GET with Last-Event-ID) gets
        everything after its last event, and then what follows; or HTTP status 400, never a part. A
        primary stream whose messages are gone begins afresh instead, and says so to both sides. A
        request goes on while its client is away. The host need not know of it; with
        shttp_request_hang_up() it may send the client away itself.

        AUTHORIZATION

        Off, unless an option says how requests are authorized: bearer_tokens is a list of tokens;
        with authorize the host is asked, by SHTTP_EVENT_AUTHORIZE, before anything else is done
        with a request. Either way each HTTP request is checked by itself, the session's id proves
        nothing, and a session exists only for the principal that opened it. resource_metadata
        tells clients where to get a token (RFC 9728). Use it behind TLS: put a proxy in front.

        MODES

        The options stateless and response_mode switch parts of this off. What a mode cannot do
        fails with the status that the table shows: at once, or, from another thread, where only the
        loop knows, by SHTTP_EVENT_COMMAND_FAILED. SHTTP_RESPONSE_AUTO counts as a stream.

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
        THREE KINDS OF THINGS

        - Loops and servers are pointers with one owner: what a create function gave, its destroy
          function takes. Destroying NULL does nothing.
        - Sessions, requests and calls can end at any moment, because the client ends them. They are
          plain values with a key. One that has ended is SHTTP_ERR_NOT_FOUND, never a dangling
          pointer.
        - Bytes are borrowed, in the direction of travel. What the host passes is copied before the
          call returns. What the library passes is valid as long as its description says, and is
          never freed by the host.

        THREADS

        A loop and its servers belong to one thread at a time, the loop's thread: the one that runs
        the loop or, while none does, the one that created it, ran it or joined it last. Each
        function is marked:

        - [any thread] may be called anywhere and at any time. On the loop's thread a command is
          carried out before it returns. On another thread its arguments are checked and copied, and
          it is queued; commands of one thread keep their order. SHTTP_OK then means queued, and
          SHTTP_EVENT_COMMAND_FAILED tells if it could not be carried out.
        - [loop's thread] returns SHTTP_ERR_WRONG_THREAD on another thread, and changes nothing.

        Callbacks are made by the loop only, never from inside the call that caused them, and may
        call anything, the destroy functions included. While one runs, the loop does nothing else:
        nobody is read, written or kept alive, so hand over what takes long. A C++ exception, or a
        longjmp, must not leave a callback: an exception that would ends the process
        (std::terminate). The library starts no thread but that of shttp_loop_run_thread().

        SIGNALS AND PROCESSES

        The library changes no signal's disposition, and nothing it writes raises SIGPIPE.

        A child that fork() makes has no part in the loops and servers of its parent. Whatever it
        calls with one of their handles returns SHTTP_ERR_CLOSED, and the destroy functions only
        forget: they wait for no thread, call nothing, and leave sockets and files to the parent.
        The child holds copies of the listening sockets until it ends or calls exec. It may create
        loops and servers of its own. fork() may be called on any thread and at any time, but in a
        program with several threads the child may do little until it calls exec: see fork(2).

        EVENTS

        A host gets events in one of two ways, and the events are the same. With on_event set, the
        loop calls it. With on_event NULL, they wait in a queue, and shttp_server_take_events()
        moves them out on any thread: no callback, nothing held while the host works.

        STATUSES AND OPTIONS

        Functions return a shttp_status, 0 or negative, and write their outputs on success only.
        There is no last error to ask for. Options start with the init macro of their struct, and a
        field left 0 takes its default.

        PROMISE

        Within one SHTTP_ABI_VERSION, which is the number in libstreamablehttp.so.0, functions are
        only added, and fields only appended: to the options and to shttp_event. Numbers are never
        reused. A program built with this header runs with every later library of that number.
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
                status = shttp_server_create(loop, &options, &server);
              if (status == SHTTP_OK)
                status = shttp_server_listen(server, "127.0.0.1", 8080);
              if (status == SHTTP_OK)
                status = shttp_loop_run(loop);
              if (status != SHTTP_OK)
                fprintf(stderr, "%s\n", shttp_status_text(status));
              shttp_server_destroy(server);
              shttp_loop_destroy(loop);
              return status == SHTTP_OK ? 0 : 1;
            }
        """#
}
