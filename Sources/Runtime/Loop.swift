import CLibuv
import Synchronization

/// An event loop: libuv's, on some thread, with the servers that live on it.
///
/// It belongs to one thread at a time: to the one that runs it, or, while nobody does, to the one
/// that made it, ran it or joined it last. A loop of the host's belongs to the thread that made
/// this object.
package final class Loop {
    let uv: UnsafeMutablePointer<uv_loop_t>
    private let isHosts: Bool
    private let wakeup: UnsafeMutablePointer<uv_async_t>
    private let prepare: UnsafeMutablePointer<uv_prepare_t>
    private let check: UnsafeMutablePointer<uv_check_t>
    private var thread: uv_thread_t?
    private var servers: [ServerRuntime] = []

    /// The thread that runs the loop; 0 while none does.
    private let runner: Atomic<UInt>
    /// The thread that made the loop, ran it or joined it last.
    private let keeper = Atomic<UInt>(Loop.thisThread)
    private let isStopping = Atomic<Bool>(false)
    private var isDestroyed = false
    private var isInTurn = false
    private let generation: Int

    /// `hosts` is a `uv_loop_t` that the host runs; nil to have one of our own.
    package init(hosts: UnsafeMutableRawPointer?) throws(SystemFault) {
        Family.watch()
        generation = Family.generation
        isHosts = hosts != nil
        runner = Atomic(hosts != nil ? Loop.thisThread : 0)
        uv = hosts?.assumingMemoryBound(to: uv_loop_t.self) ?? .allocate(capacity: 1)
        wakeup = HandleMemory.allocate(uv_async_t.self)
        prepare = HandleMemory.allocate(uv_prepare_t.self)
        check = HandleMemory.allocate(uv_check_t.self)
        // Not before: Embedded Swift 6.3.1 leaks an object that is given up half made.
        try startLoop()
        startTurns()
    }

    private func startLoop() throws(SystemFault) {
        var result = isHosts ? 0 : uv_loop_init(uv)
        if result == 0 {
            result = uv_async_init(uv, wakeup) {
                withOwner(of: $0?.pointee.data, as: Loop.self) { $0.woken() }
            }
            if result < 0, !isHosts { uv_loop_close(uv) }
        }
        if result == 0 { return }
        wakeup.deallocate()
        prepare.deallocate()
        check.deallocate()
        if !isHosts { uv.deallocate() }
        throw SystemFault(result)
    }

    /// What arrives in one turn of the loop leaves in one write: before the loop waits, and after.
    private func startTurns() {
        let here = Unmanaged.passUnretained(self).toOpaque()
        wakeup.pointee.data = here
        uv_prepare_init(uv, prepare)
        prepare.pointee.data = here
        uv_prepare_start(prepare) { withOwner(of: $0?.pointee.data, as: Loop.self) { $0.turn() } }
        HandleMemory.unreference(prepare)
        uv_check_init(uv, check)
        check.pointee.data = here
        uv_check_start(check) { withOwner(of: $0?.pointee.data, as: Loop.self) { $0.turn() } }
        HandleMemory.unreference(check)
        if isHosts { HandleMemory.unreference(wakeup) }
    }

    /// Whether this process is a child of the one that the loop lives in. Nothing may be done to
    /// the loop then, nor any lock be taken: some other thread of the parent's may have had it.
    package var isInherited: Bool { Family.generation != generation }

    // MARK: Threads

    private static var thisThread: UInt { UInt(uv_thread_self()) }

    /// Whether the caller may touch the loop and what lives on it.
    package var isOnItsThread: Bool {
        let runner = runner.load(ordering: .acquiring)
        return (runner == 0 ? keeper.load(ordering: .acquiring) : runner) == Loop.thisThread
    }

    var isRunning: Bool { !isHosts && runner.load(ordering: .acquiring) != 0 }

    // MARK: Running

    /// Runs on the caller's thread until `stop`.
    package func run() throws(RuntimeFault) {
        guard !isInherited else { throw .closed }
        guard !isHosts, claim(for: Loop.thisThread) else { throw .busy }
        runUntilStopped()
        // A callback has forked, and this is the child.
        if isInherited { throw .closed }
    }

    /// Runs on a thread of its own until `stop`.
    package func runThread() throws(RuntimeFault) {
        guard !isInherited else { throw .closed }
        // The new thread is not known yet; no thread has the number 1, so every caller is another.
        guard !isHosts, thread == nil, claim(for: 1) else { throw .busy }
        let start = Unmanaged.passRetained(ThreadStart(self))
        var started = uv_thread_t()
        let result = uv_thread_create(
            &started,
            { data in
                guard let data else { return }
                let start = Unmanaged<ThreadStart>.fromOpaque(data).takeRetainedValue()
                start.wait()
                start.loop.runner.store(Loop.thisThread, ordering: .releasing)
                start.loop.runUntilStopped()
            }, start.toOpaque())
        guard result == 0 else {
            start.release()
            runner.store(0, ordering: .releasing)
            throw .system(SystemFault(result))
        }
        thread = started
        start.takeUnretainedValue().allow()
    }

    /// What a new thread is given: its loop, and leave to run it once the loop knows the thread.
    private final class ThreadStart {
        let loop: Loop
        private let gate = UnsafeMutablePointer<uv_sem_t>.allocate(capacity: 1)

        init(_ loop: Loop) {
            self.loop = loop
            uv_sem_init(gate, 0)
        }

        deinit {
            uv_sem_destroy(gate)
            gate.deallocate()
        }

        func wait() { uv_sem_wait(gate) }
        func allow() { uv_sem_post(gate) }
    }

    private func claim(for thread: UInt) -> Bool {
        runner.compareExchange(expected: 0, desired: thread, ordering: .acquiringAndReleasing)
            .exchanged
    }

    private func runUntilStopped() {
        keeper.store(Loop.thisThread, ordering: .releasing)
        while !isStopping.load(ordering: .acquiring), !isInherited {
            uv_run(uv, UV_RUN_DEFAULT)
        }
        if isInherited { return }
        isStopping.store(false, ordering: .releasing)
        let isLast = isDestroyed
        if isLast, let thread, UInt(thread) == Loop.thisThread { detachThread() }
        runner.store(0, ordering: .releasing)
        if isLast { tearDown() }
    }

    /// Makes `run` return after the current turn. Any thread, and signal handlers.
    package func stop() {
        guard !isInherited else { return }
        isStopping.store(true, ordering: .releasing)
        uv_async_send(wakeup)
    }

    /// Waits for the thread that `runThread` started to end.
    package func join() throws(RuntimeFault) {
        guard !isInherited else { throw .closed }
        guard var thread else { throw .notFound }
        guard UInt(thread) != Loop.thisThread else { throw .wrongThread }
        uv_thread_join(&thread)
        self.thread = nil
        keeper.store(Loop.thisThread, ordering: .releasing)
    }

    private func detachThread() {
        if let thread { pthread_detach(thread) }
        thread = nil
    }

    // MARK: A host with a poll loop of its own

    package var descriptor: Int32 { isInherited ? -1 : uv_backend_fd(uv) }

    /// How long a poll may wait, in milliseconds; -1 for ever.
    package var timeout: Int32 {
        if isInherited { return -1 }
        if servers.contains(where: { $0.needsTurn }) || isStopping.load(ordering: .acquiring) {
            return 0
        }
        uv_update_time(uv)
        return uv_backend_timeout(uv)
    }

    /// Does what is due without waiting.
    package func step() throws(RuntimeFault) {
        guard !isInherited else { throw .closed }
        guard isOnItsThread else { throw .wrongThread }
        guard !isHosts, claim(for: Loop.thisThread) else { throw .busy }
        uv_run(uv, UV_RUN_NOWAIT)
        guard !isInherited else { throw .closed }
        let isLast = isDestroyed
        runner.store(0, ordering: .releasing)
        if isLast { tearDown() }
    }

    // MARK: Turns

    var now: UInt64 { uv_now(uv) }

    /// Asks for `ServerRuntime.drainCommands` soon. Any thread.
    func wake() {
        uv_async_send(wakeup)
    }

    private func woken() {
        guard !isInherited else { return uv_stop(uv) }
        for server in servers { server.drainCommands() }
        turn()
        if isStopping.load(ordering: .acquiring) { uv_stop(uv) }
    }

    /// Finishes what the current turn has begun.
    private func turn() {
        guard !isInTurn else { return }
        isInTurn = true
        for server in servers where server.needsTurn { server.turn() }
        isInTurn = false
        if isInherited { uv_stop(uv) }
    }

    func add(_ server: ServerRuntime) {
        servers.append(server)
    }

    func remove(_ server: ServerRuntime) {
        servers.removeAll { $0 === server }
    }

    // MARK: The end

    /// Ends the loop with all that lives on it. In a callback it takes effect after the callback.
    package func destroy() {
        guard !isDestroyed, !isInherited else { return }
        if isRunning, runner.load(ordering: .acquiring) == Loop.thisThread {
            isDestroyed = true
            for server in servers { server.destroy() }
            return stop()
        }
        if thread != nil {
            stop()
            try? join()
        }
        isDestroyed = true
        tearDown()
    }

    /// Closes every handle. The object stays until the last of them has closed.
    private func tearDown() {
        for server in servers { server.destroy() }
        uv_prepare_stop(prepare)
        uv_check_stop(check)
        HandleMemory.close(prepare)
        HandleMemory.close(check)
        wakeup.pointee.data = Unmanaged.passRetained(self).toOpaque()
        uv_close(UnsafeMutableRawPointer(wakeup).assumingMemoryBound(to: uv_handle_t.self)) {
            handle in
            guard let handle else { return }
            let data = handle.pointee.data
            UnsafeMutableRawPointer(handle).deallocate()
            if let data { Unmanaged<Loop>.fromOpaque(data).release() }
        }
        guard !isHosts else { return }
        uv_run(uv, UV_RUN_DEFAULT)
        uv_loop_close(uv)
        uv.deallocate()
    }
}
