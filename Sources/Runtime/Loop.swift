import CLibuv
import Synchronization

/// A libuv event loop and the servers on it.
///
/// It belongs to one thread at a time: the one that runs it or, while none does, the one that last
/// created, ran or joined it. A host's uv_loop_t belongs to the thread that created this object.
package final class Loop {
    let uv: UnsafeMutablePointer<uv_loop_t>
    /// The same, for who has handles of its own on it.
    package var uvLoop: UnsafeMutableRawPointer { UnsafeMutableRawPointer(uv) }
    private let isHosts: Bool
    private let wakeup: UnsafeMutablePointer<uv_async_t>
    private let prepare: UnsafeMutablePointer<uv_prepare_t>
    private let check: UnsafeMutablePointer<uv_check_t>
    private var thread: uv_thread_t?
    private var servers: [ServerRuntime] = []

    /// The thread that runs the loop; 0 while none does, `starting` until it has registered.
    private let runner: Atomic<UInt>
    /// No thread's number: until a new thread has registered, every caller counts as foreign.
    private static var starting: UInt { 1 }
    /// The thread that last created, ran or joined the loop.
    private let keeper = Atomic<UInt>(Loop.thisThread)
    private let isStopping = Atomic<Bool>(false)
    private var isDestroyed = false
    private var isInTurn = false
    private let generation: Int

    /// `hosts` is a `uv_loop_t` that the host runs; nil to create one.
    package init(hosts: UnsafeMutableRawPointer?) throws(SystemFault) {
        Family.watch()
        generation = Family.generation
        isHosts = hosts != nil
        runner = Atomic(hosts != nil ? Loop.thisThread : 0)
        uv = hosts?.assumingMemoryBound(to: uv_loop_t.self) ?? .allocate(capacity: 1)
        wakeup = HandleMemory.allocate(uv_async_t.self)
        prepare = HandleMemory.allocate(uv_prepare_t.self)
        check = HandleMemory.allocate(uv_check_t.self)
        // Last: Embedded Swift 6.3.1 leaks a partially initialized object when init throws.
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

    /// Registers `turn` before and after the poll, so that all output of one iteration of the loop
    /// is sent in one write per connection.
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

    /// Whether this process is a forked child of the loop's process. Then the loop must not be
    /// used, and no lock may be taken: another thread of the parent may have held it during fork().
    package var isInherited: Bool { Family.generation != generation }

    // MARK: Threads

    private static var thisThread: UInt { UInt(uv_thread_self()) }

    /// Whether the caller may use the loop and its servers.
    @_optimize(speed)
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
        // A callback has called fork(), and this is the child.
        if isInherited { throw .closed }
    }

    /// Starts a thread that runs the loop until `stop`.
    package func runThread() throws(RuntimeFault) {
        guard !isInherited else { throw .closed }
        guard !isHosts, thread == nil, claim(for: Loop.starting) else { throw .busy }
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

    /// The argument of a new thread: its loop, and a semaphore that holds it until `thread` is set.
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

    /// Makes `run` return after the current iteration. Any thread, and signal handlers.
    package func stop() {
        guard !isInherited else { return }
        isStopping.store(true, ordering: .releasing)
        uv_async_send(wakeup)
    }

    /// Waits until the thread of `runThread` has ended.
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

    /// The time-out for a poll, in milliseconds; -1: infinite.
    package var timeout: Int32 {
        if isInherited { return -1 }
        if servers.contains(where: { $0.needsTurn }) || isStopping.load(ordering: .acquiring) {
            return 0
        }
        uv_update_time(uv)
        return uv_backend_timeout(uv)
    }

    /// Processes all pending work without blocking.
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

    /// Wakes the loop to run `ServerRuntime.drainCommands`. Any thread.
    func wake() {
        uv_async_send(wakeup)
    }

    private func woken() {
        guard !isInherited else { return uv_stop(uv) }
        for server in servers { server.drainCommands() }
        turn()
        if isStopping.load(ordering: .acquiring) { uv_stop(uv) }
    }

    /// Completes the work of the current iteration.
    @_optimize(speed)
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

    /// Destroys the loop and its servers. In a callback it takes effect after the callback. False
    /// if another thread of the host runs the loop: then it does nothing.
    @discardableResult
    package func destroy() -> Bool {
        guard !isInherited else { return false }
        let runner = runner.load(ordering: .acquiring)
        if !isHosts, runner == Loop.thisThread {
            guard !isDestroyed else { return true }
            isDestroyed = true
            for server in servers { server.destroy() }
            stop()
            return true
        }
        if let thread, runner == UInt(thread) || runner == Loop.starting || runner == 0 {
            stop()
            try? join()
        }
        // From here on no thread can start to run it.
        guard isHosts || claim(for: Loop.thisThread) else { return false }
        guard !isDestroyed else { return true }
        isDestroyed = true
        tearDown()
        return true
    }

    /// Closes every handle. The object is kept alive until the last of them has closed.
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
