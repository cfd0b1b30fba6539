import Engine
import Link
import Wire

/// An operator who compares what events and access records say about connections with what the
/// network has carried. It counts bytes and reads responses where the server hands them over.
final class Watcher {
    /// One connection.
    private struct Book {
        var received = 0
        var handed = 0
        var reader = ResponseReader()
        /// The statuses of the responses that were handed over: all of it, or the head of a stream.
        var statuses: [Int] = []
        var records: [AccessRecord] = []
    }

    private unowned let simulation: Simulation
    private var books: [String: Book] = [:]
    private var linkOf: [Int: String] = [:]
    private var looks = 0

    /// It lists everything once in so many steps.
    private static let pause = 64

    init(_ simulation: Simulation) {
        self.simulation = simulation
    }

    static func peer(of link: Link) -> PeerName {
        .ipv4(0x7F00_0001, port: UInt16(truncatingIfNeeded: link.number))
    }

    private static func name(_ link: Link) -> String { "127.0.0.1:\(link.number)" }

    private static func text(_ buffer: ByteBuffer?) -> String {
        guard let buffer else { return "-" }
        return withExtendedLifetime(buffer) { String(decoding: buffer.bytes, as: UTF8.self) }
    }

    // MARK: The network

    func asked(_ ticket: Int, on link: Link) {
        linkOf[ticket] = Watcher.name(link)
    }

    func received(_ count: Int, on link: Link) {
        books[Watcher.name(link), default: Book()].received += count
    }

    func handed(_ bytes: [UInt8], on link: Link) {
        guard simulation.profile.options.reportsExchanges else { return }
        var book = books[Watcher.name(link), default: Book()]
        book.handed += bytes.count
        for item in book.reader.read(bytes) {
            switch item {
            case .response(let head, _), .stream(let head): book.statuses.append(head.status)
            default: break
            }
        }
        books[Watcher.name(link)] = book
    }

    // MARK: Events

    /// A request was delivered to the host.
    func given(_ ticket: Int, _ event: HostEvent) {
        let peer = Watcher.text(event.peer)
        if linkOf[ticket] != peer {
            simulation.violate(.leak, "request \(ticket) is said to come from \(peer)")
        }
    }

    func heard(_ event: HostEvent) {
        guard let record = event.access, simulation.profile.options.reportsExchanges else {
            return simulation.violate(.misconduct, "a record that nobody wants")
        }
        let peer = Watcher.text(event.peer)
        simulation.note(
            """
            record  \(peer) \(Watcher.text(record.httpMethod)) \(record.status) \
            \(Watcher.text(record.method)) \(record.bytesReceived) \(record.bytesSent) \
            \(record.microseconds)\(record.isCut ? " cut" : "")
            """)
        if books[peer] == nil { return simulation.violate(.misconduct, "a record of \(peer)") }
        if let last = books[peer]?.records.last, last.isCut, !record.isCut {
            simulation.violate(.misconduct, "an exchange of \(peer) after its end")
        }
        books[peer]?.records.append(record)
    }

    /// The server has closed a connection: the records of all its exchanges are there.
    func closed(_ link: Link) {
        guard simulation.profile.options.reportsExchanges,
            let book = books.removeValue(forKey: Watcher.name(link))
        else { return }
        let sent = book.records.reduce(0) { $0 + Int($1.bytesSent) }
        expect(sent == book.handed, "\(sent) of \(book.handed) bytes to \(link.name)")
        let read = book.records.reduce(0) { $0 + Int($1.bytesReceived) }
        expect(read <= book.received, "\(read) of \(book.received) bytes from \(link.name)")
        expect(book.records.allSatisfy { $0.bytesReceived > 0 }, "no byte from \(link.name)")
        let elapsed = UInt64(simulation.now) * 1_000
        expect(book.records.allSatisfy { $0.microseconds <= elapsed }, "time on \(link.name)")
        let answered = book.records.prefix { $0.status > 0 }
        expect(book.records.count - answered.count <= 1, "\(link.name) was not answered")
        let statuses = answered.map { $0.status }
        expect(statuses.starts(with: book.statuses), "statuses of \(link.name): \(statuses)")
        let rest = book.records.dropFirst(book.statuses.count)
        expect(rest.allSatisfy { $0.isCut }, "\(link.name) has not had all its answers")
    }

    /// The process of a connection has ended, and with it the records of what was under way.
    func processEnded(with link: Link) { books[Watcher.name(link)] = nil }

    // MARK: Listings

    /// Now and then lists everything: it must be what is there.
    func look() {
        looks += 1
        guard looks % Watcher.pause == 0 else { return }
        for node in simulation.nodes where !node.isPaused { look(at: node.engine) }
    }

    private func look(at engine: ServerEngine) {
        let text = engine.listing(after: nil, limit: 1_000)
        withExtendedLifetime(text) {
            guard let page = JSONValue(text.bytes, depthMax: 16), page["next"]?.isNull == true
            else { return expect(false, "a listing of \(text.count) bytes") }
            let sessions = page["sessions"]?.elements ?? []
            let requests = sessions.flatMap { $0["requests"]?.elements ?? [] }
            let inspection = Inspection(of: engine)
            let held = inspection.sessions.reduce(0) { $0 + inspection.heldAnswers(of: $1) }
            let statistics = engine.statistics
            expect(sessions.count == statistics.sessions, "\(sessions.count) sessions")
            let count = requests.count + (page["requests"]?.elements.count ?? 0)
            // Those of a session that was lost may wait for others in the order of their answers.
            let isLost = simulation.profile.hasNodes && count < Int(statistics.requests) + held
            expect(isLost || count == Int(statistics.requests) + held, "\(count) requests")
            let parked = page["authorizations"]?.elements.count ?? 0
            expect(parked == statistics.authorizations, "\(parked) authorizations")
        }
    }

    private func expect(_ condition: Bool, _ what: @autoclosure () -> String) {
        if !condition { simulation.violate(.misconduct, "the operator sees \(what())") }
    }
}
