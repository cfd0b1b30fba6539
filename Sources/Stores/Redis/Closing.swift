import CLibc
import StoreShared

/// The end of a store: it writes what waits, without the loop, and takes its node away.
struct Closing {
    private let link: Link
    private let queue: OrderQueue
    private let end: Int64

    /// The loop waits for it, and so do those who wait for the end of the process.
    private static let closeMs: Int64 = 2_000
    private static let pauseMs: UInt32 = 50

    init(_ link: Link, _ queue: OrderQueue) {
        self.link = link
        self.queue = queue
        end = MonotonicClock.now + Closing.closeMs
    }

    /// Returns whether all was written.
    func run() -> Bool {
        // What is redirected is sent again with new connections.
        if queue.isRedirecting {
            _ = link.lose(at: MonotonicClock.now)
            for order in queue.rewind() { order.free() }
        }
        queue.removeUnsentQuestions()
        while MonotonicClock.now < end {
            do throws(LinkFault) {
                if !link.isReady {
                    // Without a connection there is no node to take away.
                    if queue.isEmpty { return true }
                    try connect()
                }
                try write()
                return true
            } catch {
                _ = link.lose(at: MonotonicClock.now)
                for order in queue.rewind() { order.free() }
                if case .hasNoAddress = error { return queue.isEmpty }
                usleep(Closing.pauseMs * 1_000)
            }
        }
        return queue.isEmpty
    }

    private func connect() throws(LinkFault) {
        if link.isWaiting || link.isResolving { try link.connectNext() }
        while !link.becomesReady(at: MonotonicClock.now) {
            try wait()
            for connection in link.connections {
                try link.proceed(connection)
                connection.receive()
                while connection.expectedCount > 0, let reply = try connection.nextReply() {
                    defer { reply.free() }
                    try link.take(reply, on: connection)
                }
                if let ending = connection.ending { throw ending }
            }
        }
    }

    private func write() throws(LinkFault) {
        queue.append(Order(.farewell))
        while true {
            while link.writeNext(of: queue) {}
            try link.send()
            for connection in link.commands {
                while let reply = try link.nextAnswer(of: queue, connection) {
                    defer { reply.free() }
                    if let error = reply.error, error.isTemporary { throw link.fault(error) }
                    guard let order = queue.removeAnswered() else { throw .speaksOtherwise }
                    order.free()
                    while let joined = queue.removeJoined() { joined.free() }
                }
                if let ending = connection.ending { throw ending }
            }
            if queue.isEmpty { return }
            try wait()
            for connection in link.commands { connection.receive() }
        }
    }

    /// Waits until a connection can go on.
    private func wait() throws(LinkFault) {
        let time = end - MonotonicClock.now
        guard time > 0 else { throw .isSilent }
        var awaited = (link.isReady ? link.commands : link.connections).map { $0.awaited }
        poll(&awaited, nfds_t(awaited.count), Int32(time))
    }
}
