extension ABI {
    static let loop: [Declaration] = loopLife + loopRun + loopEmbedding

    private static let loopLife: [Declaration] = [
        .section(
            "Loop",
            doc: """
                A loop carries servers. Choose one way to run it:

                - shttp_loop_run() on a thread of the host.
                - shttp_loop_run_thread(), on a thread of the library's own.
                - shttp_loop_descriptor(), shttp_loop_timeout_ms() and shttp_loop_step() inside a
                  poll loop of the host.
                - shttp_loop_options.uv_loop: the host runs its own uv_loop_t, and the servers live
                  on it.
                """),
        .opaque(
            "shttp_loop",
            doc: """
                An event loop: sockets, timers, wakeups, and the servers on them.

                Created by shttp_loop_create() and owned by the caller until shttp_loop_destroy().
                """),
        .structure(
            Structure(
                name: "shttp_loop_options",
                doc: """
                    Options for shttp_loop_create(). Start with shttp_loop_options_init(); a field
                    left 0 takes its default.
                    """,
                fields: [
                    Field("struct_size", .size, "Set by the initializer. Read-only."),
                    Field(
                        "uv_loop", .pointer(.foreign("uv_loop_s")), .kept,
                        fallback: .named("NULL", "the library makes a loop"),
                        """
                        The host's own libuv loop: it runs it, and keeps it until the handles that
                        the library has on it are closed.
                        """),
                ])),
        .function(optionsInit("shttp_loop_options")),
        optionsMacro("shttp_loop_options"),
        .function(
            Function(
                "shttp_loop_create", .anyThread,
                """
                Creates a loop. It does not run yet.

                The calling thread is the loop's thread until shttp_loop_run() or
                shttp_loop_run_thread() makes another one so. `options` may be NULL, which means
                all defaults.
                """,
                [
                    Parameter("options", .constPointer(.structure("shttp_loop_options")), .copied),
                    Parameter("out", .pointer(.loop), .given),
                ],
                statuses: [.ok, .invalidArgument, .invalidOption, .descriptors, .system])),
        .function(
            Function(
                "shttp_loop_destroy", .loopThread,
                """
                Stops the loop and frees it, with every server that still lives on it.

                It joins the thread that shttp_loop_run_thread() started, and each server gets its
                user_data_free. From inside a callback it takes effect when the callback has
                returned. From another thread while the loop runs on a thread of the host it does
                nothing: call shttp_loop_stop() first and let shttp_loop_run() return. A loop on the
                library's own thread may be destroyed by any thread. With a
                uv_loop of the host, the handles close as the host goes on running that loop.
                """,
                [Parameter("loop", .loop, .taken)], result: .void)),
    ]

    private static let loopRun: [Declaration] = [
        .function(
            Function(
                "shttp_loop_run", .anyThread,
                """
                Runs the loop on the calling thread, until shttp_loop_stop().

                The loop belongs to this thread from now on, also after the return. A loop that has
                been stopped may run again.
                """,
                [Parameter("loop", .loop)],
                statuses: [
                    .ok, .invalidArgument,
                    .busy.when("it runs already, or the host owns its uv_loop"),
                ])),
        .function(
            Function(
                "shttp_loop_run_thread", .anyThread,
                """
                Starts a thread of the library's own that runs the loop, until shttp_loop_stop().

                The loop belongs to that thread until shttp_loop_join(): what is marked [loop's
                thread] may then be called in callbacks only. So create the servers and listen
                first.
                """,
                [Parameter("loop", .loop)],
                statuses: [
                    .ok, .invalidArgument,
                    .busy.when("it runs already, or the host owns its uv_loop"),
                    .system.when("the system starts no thread"),
                ])),
        .function(
            Function(
                "shttp_loop_stop", .anyThread,
                """
                Makes the loop stop soon after its current turn. It does not wait for that.

                It may be called in a signal handler. It closes no server and no connection: the
                loop may run again.
                """,
                [Parameter("loop", .loop)], statuses: [.ok, .invalidArgument], mayIgnore: true)),
        .function(
            Function(
                "shttp_loop_join", .anyThread,
                """
                Waits until the thread that shttp_loop_run_thread() started has ended.

                It does not make the thread end: call shttp_loop_stop() before. Afterwards the loop
                belongs to the calling thread.
                """,
                [Parameter("loop", .loop)],
                statuses: [
                    .ok, .invalidArgument,
                    .wrongThread.when("it is called on that thread itself"),
                    .notFound.when("there is no such thread"),
                ])),
    ]

    private static let loopEmbedding: [Declaration] = [
        .function(
            Function(
                "shttp_loop_descriptor", .loopThread,
                """
                A descriptor to poll: it is readable when shttp_loop_step() has work to do.

                It belongs to the loop: do not read, write or close it. -1 if `loop` is NULL.
                """,
                [Parameter("loop", .constPointer(.opaque("shttp_loop")))], result: .int)),
        .function(
            Function(
                "shttp_loop_timeout_ms", .loopThread,
                """
                How long the host may poll before it must call shttp_loop_step(). -1: for ever.

                In milliseconds. Ask right before every poll: each call and each step can change
                the answer.
                """,
                [Parameter("loop", .constPointer(.opaque("shttp_loop")))], result: .int)),
        .function(
            Function(
                "shttp_loop_step", .loopThread,
                """
                Does what is due, callbacks included, without waiting for more.

                Call it when the descriptor is readable or the timeout has passed; calling it too
                often does no harm.
                """,
                [Parameter("loop", .loop)],
                statuses: [
                    .ok, .invalidArgument, .wrongThread,
                    .busy.when("it is called in a callback"),
                ])),
    ]

    /// The initializer that every options struct has.
    static func optionsInit(_ structure: String, as name: String = "options") -> Function {
        Function(
            structure + "_init_sized", .anyThread,
            """
            Sets every field to 0, and struct_size. Use \(structure)_init() instead.

            A NULL or a `struct_size` smaller than that of the first version changes nothing.
            """,
            [
                Parameter(name, .pointer(.structure(structure))),
                Parameter("struct_size", .size),
            ], result: .void)
    }

    /// The macro that tells the initializer how large the caller's struct is.
    static func optionsMacro(_ structure: String, as name: String = "options") -> Declaration {
        .headerOnly(
            doc: "Gives every field of `*(\(name))` its default.",
            text: """
                #define \(structure)_init(\(name)) \\
                  \(structure)_init_sized((\(name)), sizeof *(\(name)))
                """)
    }
}
