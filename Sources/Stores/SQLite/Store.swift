import CLibc
import CStore
import CStreamableHTTP
import StoreShared

/// An open store: the queue, and the thread that writes.
final class Store {
    private let queue: OrderQueue
    private let writer: Writer
    private let functions: shttp_store_answers
    private let mustStop = MustStop()
    private var thread = pthread_t()
    private let generation = Family.generation

    /// How long orders wait for others, unless a client waits for them. So much may be lost, and
    /// what is being written, when the process is killed.
    private static let gatherMs: Int64 = 5
    private static let closeMs: Int64 = 5_000
    private static let stackSize = 256 << 10

    /// `path` ends with a NUL.
    init(_ path: [CChar], _ terms: Terms, _ functions: shttp_store_answers) {
        queue = OrderQueue(
            bytesMax: terms.waitingBytesMax, gatherMs: terms.isSync ? 0 : Store.gatherMs)
        let database = Database(path, isSync: terms.isSync, mustStop: mustStop)
        writer = Writer(queue, database, terms, functions)
        self.functions = functions
    }

    /// Opens the database, and starts the thread, which takes no signal.
    func start() throws(OpenFault) {
        try writer.open()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, Store.stackSize)
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let fault = pthread_create(
            &thread, &attributes,
            { context in
                if let context {
                    let store = Unmanaged<Store>.fromOpaque(context).takeUnretainedValue()
                    store.writer.run(store.mustStop)
                }
                return nil
            }, Unmanaged.passUnretained(self).toOpaque())
        if fault != 0 { throw .system(fault) }
    }

    /// Whether this process has forked from the one that opened the store. Then nothing may be
    /// touched: neither the database nor the lock.
    var isInherited: Bool { Family.generation != generation }

    /// A question that is refused fails at once.
    @inline(__always)
    func put(
        _ kind: OrderKind, _ order: shttp_store_order, text: shttp_bytes, for server: OpaquePointer?
    ) {
        if isInherited || queue.put(kind, order, text: text, for: server) { return }
        _ = functions.load_fail(server, order.load)
    }

    /// Writes what waits, and ends the thread.
    func close() {
        if !queue.close(until: MonotonicClock.now + Store.closeMs) { mustStop.set() }
        pthread_join(thread, nil)
    }
}
