import CLibuv

/// What a server's sockets have read in a turn of the loop, until the engine takes it all at once.
///
/// The kernel puts it into one slab, so an idle connection owns no buffer. It is taken together
/// because code is what a small call waits for: the kernel reads for all connections, then the
/// engine takes all requests, then the host answers them, each while its code is in the cache.
struct Arrivals: ~Copyable {
    private struct Arrival {
        /// A socket outlives the turn in which it is closed, so it need not be counted.
        let socket: Unmanaged<Socket>
        let bytes: UnsafeRawBufferPointer
    }

    private static let slabSize = 256 << 10
    /// The most that is taken together: a host's queue may be passed by as many events, and long
    /// messages had better be taken while they are in the cache themselves.
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

    /// Where the next read goes.
    var room: uv_buf_t {
        uv_buf_t(
            base: (slab + used).assumingMemoryBound(to: CChar.self), len: Arrivals.slabSize - used)
    }

    var isEmpty: Bool { count == 0 }

    /// Enters what a read has put into `room`. Says whether no more should be read before it is
    /// taken.
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
