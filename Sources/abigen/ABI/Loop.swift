extension ABI {
    static let loop: [Declaration] = loopLife + loopRun + loopEmbedding

    private static let loopLife: [Declaration] = [
        .section(
            "Loop",
            doc: """
                A loop runs servers. Choose one way to run it:

                - shttp_loop_run() on a thread of the host.
                - shttp_loop_run_thread(), on a thread that the library starts.
                - shttp_loop_descriptor(), shttp_loop_timeout_ms() and shttp_loop_step(), inside a
                  poll loop of the host.
                - shttp_loop_options.uv_loop: the host runs its own uv_loop_t, and the servers use
                  it.
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
                        fallback: .named("NULL", "the library creates a loop"),
                        """
                        The host's own libuv loop. The host runs it, and must keep it until the
                        library's handles on it are closed.
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
                shttp_loop_run_thread() changes that. `options` may be NULL: all defaults.
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
                Stops the loop and frees it, with all servers on it.

                It joins the thread that shttp_loop_run_thread() started, and calls user_data_free
                of each server. Called inside a callback, it takes effect after the callback has
                returned. Called on another thread while the loop runs on a thread of the host, it
                does nothing: call shttp_loop_stop() first and wait until shttp_loop_run() returns.
                A loop on the library's own thread may be destroyed on any thread. With a uv_loop of
                the host, the handles close while the host continues to run that loop.
                """,
                [Parameter("loop", .loop, .taken)], result: .void)),
    ]

    private static let loopRun: [Declaration] = [
        .function(
            Function(
                "shttp_loop_run", .anyThread,
                """
                Runs the loop on the calling thread until shttp_loop_stop().

                The loop belongs to this thread from now on, also after the function returns. A loop
                that was stopped may run again.
                """,
                [Parameter("loop", .loop)],
                statuses: [
                    .ok, .invalidArgument,
                    .busy.when("it already runs, or the host owns its uv_loop"),
                ], maps: .loop("run()"))),
        .function(
            Function(
                "shttp_loop_run_thread", .anyThread,
                """
                Starts a thread that runs the loop until shttp_loop_stop().

                The loop belongs to that thread until shttp_loop_join(): functions marked [loop's
                thread] may then be called only in callbacks. So create the servers and listen
                first.
                """,
                [Parameter("loop", .loop)],
                statuses: [
                    .ok, .invalidArgument,
                    .busy.when("it already runs, or the host owns its uv_loop"),
                    .system.when("the system cannot start a thread"),
                ], maps: .loop("runThread()"))),
        .function(
            Function(
                "shttp_loop_stop", .anyThread,
                """
                Makes the loop stop after its current iteration. It does not wait for that.

                It may be called in a signal handler. No server or connection is closed: the loop
                may run again.
                """,
                [Parameter("loop", .loop)], statuses: [.ok, .invalidArgument], mayIgnore: true)),
        .function(
            Function(
                "shttp_loop_join", .anyThread,
                """
                Waits until the thread of shttp_loop_run_thread() has ended.

                It does not stop the thread: call shttp_loop_stop() before. Afterwards the loop
                belongs to the calling thread.
                """,
                [Parameter("loop", .loop)],
                statuses: [
                    .ok, .invalidArgument,
                    .wrongThread.when("it is called on that thread"),
                    .notFound.when("there is no such thread"),
                ], maps: .loop("join()"))),
    ]

    private static let loopEmbedding: [Declaration] = [
        .function(
            Function(
                "shttp_loop_descriptor", .loopThread,
                """
                A descriptor to poll: it is readable when shttp_loop_step() has work to do.

                It belongs to the loop: do not read, write or close it. -1 if `loop` is NULL.
                """,
                [Parameter("loop", .constPointer(.opaque("shttp_loop")))], result: .int,
                maps: .value("LoopHandle.borrow($loop)?.loop.descriptor ?? -1"))),
        .function(
            Function(
                "shttp_loop_timeout_ms", .loopThread,
                """
                The time-out for poll(), after which the host must call shttp_loop_step(). -1:
                infinite.

                In milliseconds. Call it right before every poll: each call and each step can change
                the result.
                """,
                [Parameter("loop", .constPointer(.opaque("shttp_loop")))], result: .int,
                maps: .value("LoopHandle.borrow($loop)?.loop.timeout ?? -1"))),
        .function(
            Function(
                "shttp_loop_step", .loopThread,
                """
                Processes all pending work, including callbacks, without blocking.

                Call it when the descriptor is readable or the time-out has passed. Extra calls are
                harmless.
                """,
                [Parameter("loop", .loop)],
                statuses: [
                    .ok, .invalidArgument, .wrongThread,
                    .busy.when("it is called in a callback"),
                ], maps: .loop("step()"))),
    ]

    /// The initializer of an options struct.
    static func optionsInit(
        _ structure: String, as name: String = "options", since: Version = .first
    ) -> Function {
        Function(
            structure + "_init_sized", .anyThread,
            """
            Sets every field to 0, and struct_size. Use \(structure)_init() instead.

            It does nothing if the pointer is NULL or `struct_size` is smaller than the field
            struct_size.
            """,
            [
                Parameter(name, .pointer(.structure(structure))),
                Parameter("struct_size", .size),
            ], result: .void, maps: .initializer, since: since)
    }

    /// The macro that passes the size of the caller's struct to the initializer.
    static func optionsMacro(_ structure: String, as name: String = "options") -> Declaration {
        .headerOnly(
            doc: "Sets every field of `*(\(name))` to its default.",
            text: """
                #define \(structure)_init(\(name)) \\
                  \(structure)_init_sized((\(name)), sizeof *(\(name)))
                """)
    }
}
