import CLibuv

/// The bytes that a server's sockets have read in one iteration of the loop. The engine takes them
/// in one batch.
///
/// They are read into one slab, so an idle connection owns no buffer. Batching keeps the
/// instruction cache warm, which dominates the cost of a small call: the kernel reads for all
/// connections, then the engine takes all requests, then the host answers them.
struct Arrivals: ~Copyable {
    private struct Arrival {
        /// Not reference-counted: a socket outlives the iteration in which it is closed.
        let socket: Unmanaged<Socket>
        let bytes: UnsafeRawBufferPointer
    }

    private static let slabSize = 256 << 10
    /// The maximum of a batch. A host's queue may exceed its limit by the events of one, of which
    /// each read causes few: what makes many waits for the queue (`ServerEngine.nextEffect`). And
    /// long messages should be taken while they are still in the cache.
    private static let countMax = 64
    private static let byteMax = 16 << 10

    private let slab = UnsafeMutableRawPointer.allocate(
        byteCount: Arrivals.slabSize, alignment: 16)
    private var used = 0
    private let arrivals = UnsafeMutablePointer<Arrival>.allocate(capacity: Arrivals.countMax)
    private var count = 0

    deinit {
        slab.deallocate()
        arrivals.deallocate()
    }

    /// The buffer for the next read.
    var room: uv_buf_t {
        uv_buf_t(
            base: (slab + used).assumingMemoryBound(to: CChar.self), len: Arrivals.slabSize - used)
    }

    var isEmpty: Bool { count == 0 }

    /// Adds the bytes of a read into `room`. Returns true if the batch must be taken before the
    /// next read.
    @_optimize(speed)
    mutating func add(_ count: Int, on socket: Socket) -> Bool {
        let bytes = UnsafeRawBufferPointer(start: slab + used, count: count)
        (arrivals + self.count).initialize(
            to: Arrival(socket: .passUnretained(socket), bytes: bytes))
        self.count += 1
        used += count
        return self.count == Arrivals.countMax || used >= Arrivals.byteMax
    }

    func forEach(_ body: (Socket, UnsafeRawBufferPointer) -> Void) {
        for index in 0..<count {
            let arrival = arrivals[index]
            arrival.socket._withUnsafeGuaranteedRef { body($0, arrival.bytes) }
        }
    }

    mutating func removeAll() {
        count = 0
        used = 0
    }
}
