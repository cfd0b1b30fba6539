import CHiredis
import CLibc
import CLibuv

/// One connection to Redis: a descriptor that libuv polls, with its own reads and writes. It raises
/// no signal, and works without the loop, too.
final class Connection {
    private enum State {
        case closed
        case connecting
        case open
    }

    /// What is to be sent.
    let output = ByteQueue()
    /// How many answers to what it began with have not come.
    var expectedCount = 0
    /// How many answers to orders have not come.
    var awaitedCount = 0
    /// In how many turns of the link nothing was heard.
    private var silences = 0
    private var hasHeard = false
    /// Why it ends when what was read is done with.
    private(set) var ending: LinkFault?

    private var state = State.closed
    private var descriptor: Int32 = -1
    private var poll: UnsafeMutablePointer<uv_poll_t>?
    private var reader: UnsafeMutablePointer<redisReader>?
    /// The events that the handle is watched for.
    private var watched: Int32 = 0
    private let inputMax: Int
    private let onEvent: (Connection) -> Void

    private static let readSize = 64 << 10
    /// How often it reads and writes in a row, while the rest of the loop waits.
    private static let turnsMax = 16
    private static let readable = Int32(UV_READABLE.rawValue)
    private static let writable = Int32(UV_WRITABLE.rawValue)

    /// At most `inputMax` bytes of one answer are held. `onEvent` is called when it may go on.
    init(inputMax: Int, onEvent: @escaping (Connection) -> Void) {
        self.inputMax = inputMax
        self.onEvent = onEvent
    }

    var isClosed: Bool { state == .closed }
    var isOpen: Bool { state == .open }

    // MARK: Opening and closing

    /// Begins to connect.
    func open(_ address: Address, on loop: UnsafeMutablePointer<uv_loop_t>) throws(LinkFault) {
        close()
        let descriptor = address.connect()
        guard descriptor >= 0 else { throw .system(-descriptor) }
        let poll = HandleMemory.allocate(uv_poll_t.self)
        let result = uv_poll_init(loop, poll, descriptor)
        guard result == 0 else {
            poll.deallocate()
            CLibc.close(descriptor)
            throw .system(-result)
        }
        guard let reader = redisReaderCreate() else { abort() }  // There is no memory.
        poll.pointee.data = Unmanaged.passUnretained(self).toOpaque()
        HandleMemory.unreference(poll)
        self.descriptor = descriptor
        self.poll = poll
        self.reader = reader
        state = .connecting
        expectedCount = 0
        awaitedCount = 0
        silences = 0
        hasHeard = false
        ending = nil
        watch()
    }

    func close() {
        guard state != .closed else { return }
        state = .closed
        if let poll { HandleMemory.close(poll) }
        poll = nil
        CLibc.close(descriptor)
        descriptor = -1
        redisReaderFree(reader)
        reader = nil
        watched = 0
        output.removeAll()
    }

    /// Whether it is connected, at last.
    func finishConnecting() throws(LinkFault) -> Bool {
        guard state == .connecting else { return state == .open }
        var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard CLibc.poll(&state, 1, 0) > 0 else { return false }
        var fault: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        if getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &fault, &size) != 0 { fault = last_error() }
        if fault != 0 { throw .system(fault) }
        self.state = .open
        return true
    }

    // MARK: Input and output

    /// Writes as much as the system takes.
    func send() throws(LinkFault) {
        guard isOpen else { return }
        var turns = 0
        while output.count > 0, turns < Connection.turnsMax {
            let bytes = output.bytes
            let sent = CLibc.send(
                descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if sent < 0 {
                let fault = last_error()
                if fault == EINTR { continue }
                if fault == EAGAIN { break }
                throw .system(fault)
            }
            output.removeFirst(sent)
            turns += 1
        }
        watch()
    }

    /// Reads what is there; `ending` says whether there will be more.
    func receive() {
        var turns = 0
        while isOpen, ending == nil, turns < Connection.turnsMax {
            turns += 1
            var fault: Int32 = 0
            let size = Connection.readSize
            let count = withUnsafeTemporaryAllocation(byteCount: size, alignment: 16) { place in
                let count = recv(descriptor, place.baseAddress, size, 0)
                if count < 0 { fault = last_error() }
                if count > 0, let start = place.baseAddress {
                    redisReaderFeed(reader, start.assumingMemoryBound(to: CChar.self), count)
                }
                return count
            }
            if count < 0, fault == EINTR { continue }
            if count < 0, fault == EAGAIN { return }
            guard count > 0 else {
                ending = count == 0 ? .hasClosed : .system(fault)
                return
            }
            hasHeard = true
            if let reader, reader.pointee.err != 0 {
                ending = .speaksOtherwise
            } else if let reader, reader.pointee.len > inputMax {
                ending = .answersTooMuch
            }
            if count < size { return }
        }
    }

    /// The next answer that has come in whole; nil if there is none. The caller frees it.
    func nextReply() throws(LinkFault) -> Reply? {
        guard isOpen else { return nil }
        var reply: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &reply) == REDIS_OK else { throw .speaksOtherwise }
        return reply.map { Reply($0.assumingMemoryBound(to: redisReply.self)) }
    }

    /// Another turn of the link. Returns in how many of them nothing was heard.
    func beginTurn() -> Int {
        silences = hasHeard ? 0 : silences + 1
        hasHeard = false
        return silences
    }

    // MARK: The loop

    private func watch() {
        guard let poll else { return }
        let isWriting = state == .connecting || output.count > 0
        let wanted =
            (state == .open ? Connection.readable : 0) | (isWriting ? Connection.writable : 0)
        guard wanted != watched else { return }
        watched = wanted
        uv_poll_start(poll, wanted) { handle, _, _ in
            guard let data = handle?.pointee.data else { return }
            // It closes the handle before it ends, which may be in this call.
            let connection = Unmanaged<Connection>.fromOpaque(data).takeUnretainedValue()
            connection.onEvent(connection)
        }
    }

    /// Without the loop: what to wait for.
    var awaited: pollfd {
        let events =
            (watched & Connection.readable != 0 ? Int16(POLLIN) : 0)
            | (watched & Connection.writable != 0 ? Int16(POLLOUT) : 0)
        return pollfd(fd: descriptor, events: events, revents: 0)
    }
}

enum HandleMemory {
    static func allocate<Handle>(_ type: Handle.Type) -> UnsafeMutablePointer<Handle> {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<Handle>.size, alignment: 16)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<Handle>.size)
        return memory.bindMemory(to: Handle.self, capacity: 1)
    }

    /// Closes a handle, and frees it when the loop is done with it.
    static func close<Handle>(_ handle: UnsafeMutablePointer<Handle>) {
        uv_close(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)) {
            handle in
            UnsafeMutableRawPointer(handle)?.deallocate()
        }
    }

    /// Lets the loop end although the handle is active.
    static func unreference<Handle>(_ handle: UnsafeMutablePointer<Handle>) {
        uv_unref(UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self))
    }
}
