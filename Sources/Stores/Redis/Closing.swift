import CLibc
import StoreShared

/// The end of a store: it writes what waits, without the loop, and takes its node away.
struct Closing {
    private let link: Link
    private let queue: OrderQueue
    private let writer: CommandWriter
    private let end: Int64

    /// The loop waits for it, and so do those who wait for the end of the process.
    private static let closeMs: Int64 = 2_000
    private static let pauseMs: UInt32 = 50
    private static let outputMax = 256 << 10

    init(_ link: Link, _ queue: OrderQueue, _ writer: CommandWriter) {
        self.link = link
        self.queue = queue
        self.writer = writer
        end = MonotonicClock.now + Closing.closeMs
    }

    /// Returns whether all was written.
    func run() -> Bool {
        queue.removeUnsentQuestions()
        while MonotonicClock.now < end {
            do throws(LinkFault) {
                if !link.isReady {
                    // Without a connection there is no node to take away.
                    if queue.isEmpty { return true }
                    try connect()
                }
                try write()
                try removeNode()
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
        if link.isWaiting || link.isResolving { try link.connect() }
        while !link.becomesReady(at: MonotonicClock.now) {
            try wait()
            for connection in [link.commands, link.messages] {
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
        let connection = link.commands
        while !queue.isEmpty {
            while connection.output.count < Closing.outputMax, let order = queue.takeUnsent() {
                writer.write(order, to: connection.output)
            }
            try step()
            while let reply = try connection.nextReply() {
                defer { reply.free() }
                if let error = reply.error, error.isTemporary { throw .refuses(error) }
                guard let order = queue.removeAnswered() else { throw .speaksOtherwise }
                order.free()
            }
            if let ending = connection.ending { throw ending }
        }
    }

    private func removeNode() throws(LinkFault) {
        writer.end(to: link.commands.output)
        while true {
            try step()
            if let reply = try link.commands.nextReply() { return reply.free() }
            if let ending = link.commands.ending { throw ending }
        }
    }

    private func step() throws(LinkFault) {
        try link.commands.send()
        try wait()
        link.commands.receive()
    }

    /// Waits until a connection can go on.
    private func wait() throws(LinkFault) {
        let time = end - MonotonicClock.now
        guard time > 0 else { throw .isSilent }
        var awaited = (link.commands.awaited, link.messages.awaited)
        withUnsafeMutablePointer(to: &awaited) { place in
            place.withMemoryRebound(to: pollfd.self, capacity: 2) {
                _ = poll($0, link.isReady ? 1 : 2, Int32(time))
            }
        }
    }
}
