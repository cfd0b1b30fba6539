import Engine
import Link
import Oracle
import Seeds
import Session
import Testing
import Wire

@Suite("Other paths")
struct OtherPathTests {
    @Test("Whatever happens when, clients get their answers whole and in order", arguments: 0..<150)
    func anything(_ seed: UInt64) {
        let bazaar = Bazaar(seed)
        for _ in 0..<400 { bazaar.step() }
        bazaar.leave()
        #expect(bazaar.faults == [])
        #expect(bazaar.answered + bazaar.cut > 0)
    }
}

/// Clients that ask for other paths at random, and the host that answers them.
private final class Bazaar {
    /// A request, and what the host has answered so far.
    private final class Asked {
        let id: Int
        let method: String
        var key: ExchangeKey?
        var status: Int?
        var body: [UInt8] = []
        var got: [UInt8] = []
        var isInParts = false

        init(_ id: Int, _ method: String) {
            self.id = id
            self.method = method
        }

        var wanted: [UInt8] {
            method == "HEAD" || status == 204 || status == 304 ? [] : body
        }
    }

    private final class Client {
        let connection: ServerConnection
        var reader = ResponseReader()
        var input: [UInt8] = []
        var asked: [Asked] = []
        var output: Output?
        var taken = 0
        /// Whether the server has refused it, and ends its connection.
        var isRefused = false

        init(_ connection: ServerConnection) {
            self.connection = connection
        }
    }

    private let engine: ServerEngine
    private var random: SeededRandom
    private var clients: [Client] = []
    private var open: [Asked] = []
    private var lastID = 0
    private var now: Int64 = 0
    private(set) var faults: [String] = []
    private(set) var answered = 0
    private(set) var cut = 0

    init(_ seed: UInt64) {
        var random = SeededRandom(seed)
        var options = ServerOptions()
        options.hasOtherPaths = true
        options.unsentBytesMax = 300 + random.number(3_000)
        options.totalUnsentBytesMax = 1_000 + random.number(8_000)
        options.pipelinedBytesMax = 200 + random.number(2_000)
        if random.chance(30) { options.requestBytesMax = 4_000 }
        options.reportsExchanges = random.chance(50)
        options.allowsHalfClose = random.chance(50)
        self.random = random
        engine = ServerEngine(options) { random.next() }
    }

    private func expect(_ holds: Bool, _ fault: @autoclosure () -> String) {
        if !holds { faults.append(fault()) }
    }

    // MARK: Steps

    func step() {
        guard faults.isEmpty else { return }
        if clients.count < 4 { connect() }
        let client = clients[random.number(clients.count)]
        switch random.number(20) {
        case 0...3: ask(client)
        case 4...6: feed(client)
        case 7...11: read(client)
        case 12...17: answer()
        case 18: if random.chance(20) { engine.connectionLost(client.connection) }
        default:
            now += Int64([0, 1, 100, 9_000][random.number(4)])
            engine.advance(to: Instant(milliseconds: now))
            engine.deadlineReached()
        }
        settle()
        let isThorough = random.chance(3)  // Recycled objects are compared by reflection.
        for violation in engine.violations(checksRecycled: isThorough) {
            faults.append("\(violation)")
        }
    }

    /// Everybody goes, and nothing is left.
    func leave() {
        for client in clients { engine.connectionLost(client.connection) }
        settle()
        let statistics = engine.statistics
        expect(open.isEmpty, "\(open.count) exchanges are open for nobody")
        expect(statistics.exchanges + statistics.requestBytes == 0, "exchanges are counted")
        expect(statistics.unsentBytes + statistics.connections == 0, "something is left")
    }

    private func connect() {
        let driver = UnsafeMutableRawPointer(bitPattern: 1)!
        let address = PeerAddress(ipv4: UInt32(random.number(2)))
        engine.connectionOpened(driver: driver, from: address).map { clients.append(Client($0)) }
    }

    private func ask(_ client: Client) {
        lastID += 1
        let asked = Asked(lastID, random.pick(["GET", "HEAD", "POST", "PUT"]) ?? "")
        let body = asked.method == "POST" ? String(repeating: "\(lastID)", count: 9) : ""
        let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
        client.input += Array(
            "\(asked.method) /\(lastID) HTTP/1.1\r\nHost: localhost\r\n\(length)\r\n\(body)".utf8)
        client.asked.append(asked)
        client.reader.asksForHead.append(asked.method == "HEAD")
        feed(client)
    }

    private func feed(_ client: Client) {
        let count = min(client.input.count, 1 + random.number(120))
        let piece = Array(client.input.prefix(count))
        client.input.removeFirst(count)
        guard count > 0, !client.connection.hasEnded else { return }
        piece.withUnsafeBytes {
            engine.received($0, on: client.connection, lent: true)
            settle()
        }
    }

    /// The socket takes all of the output, or a part of it.
    private func read(_ client: Client) {
        guard !client.connection.hasEnded else { return }
        while engine.nextWritable() != nil {}
        guard let output = client.output ?? engine.takeOutput(of: client.connection) else { return }
        client.output = output
        let rest = output.count - client.taken
        let part = random.chance(40) ? random.number(rest) : rest
        client.taken += part
        if part == rest {
            client.output = nil
            client.taken = 0
            for item in client.reader.read(output.bytes) { take(item, client) }
        }
        engine.sent(part, on: client.connection)
    }

    private func take(_ item: ResponseReader.Item, _ client: Client) {
        guard !client.isRefused else { return }
        guard let asked = client.asked.first else { return expect(false, "\(item) to nothing") }
        switch item {
        case .response(let head, _) where asked.status == nil:
            expect([408, 503].contains(head.status), "\(head.status) from nobody")
            client.isRefused = head.closes
            client.asked.removeFirst()
        case .response(let head, let body):
            expect(head.status == asked.status, "\(head.status), not \(asked.status ?? 0)")
            expect(body == asked.wanted, "another body of \(asked.id)")
            answered += 1
            client.asked.removeFirst()
        case .opened(let head): expect(head.status == asked.status, "another status")
        case .part(let bytes): asked.got += bytes
        case .end:
            expect(asked.got == asked.wanted, "another body of \(asked.id), in parts")
            answered += 1
            client.asked.removeFirst()
        default: expect(false, "\(item)")
        }
    }

    // MARK: The host

    private func answer() {
        guard let asked = random.pick(open), let key = asked.key else { return }
        let status = [200, 204, 304, 404, 299][random.number(5)]
        let count = random.chance(10) ? 20_000 : random.number(400)
        let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &+ asked.id) }
        let step: ServerEngine.AnswerStep =
            asked.isInParts
            ? (random.chance(20) ? .end : .part)
            : (random.chance(50) ? .whole(status: status) : .start(status: status))
        let before = (status: asked.status, body: asked.body)
        if !asked.isInParts { asked.status = status }
        do throws(CallerFault) {
            let text = ByteBuffer()
            text.append(body)
            try engine.answer(key.rawValue, step, .nothing, text.bytes)
            withExtendedLifetime(text) {}
            switch step {
            case .whole, .end:
                if case .whole = step { asked.body = body }
                open.removeAll { $0 === asked }
            case .start: asked.isInParts = true
            default: asked.body += body
            }
        } catch {
            (asked.status, asked.body) = before
            settle()
            let isGone = !open.contains { $0 === asked }
            expect(error == .limit ? step.isPart : isGone, "\(error)")
        }
    }

    private func settle() {
        while let effect = engine.nextEffect() {
            switch effect {
            case .deliver(let event): heard(event)
            case .close(let connection): clients.removeAll { $0.connection === connection }
            default: break
            }
        }
    }

    private func heard(_ event: HostEvent) {
        switch event.kind {
        case .httpRequest:
            let target = String(decoding: event.head?.targetBytes ?? .nothing, as: UTF8.self)
            let all = clients.flatMap(\.asked)
            guard let asked = all.first(where: { "/\($0.id)" == target }), asked.key == nil else {
                return expect(false, "\(target) was not asked, or is asked twice")
            }
            let body = String(decoding: event.message ?? .nothing, as: UTF8.self)
            let wanted = asked.method == "POST" ? String(repeating: "\(asked.id)", count: 9) : ""
            expect(body == wanted, "the body of \(asked.id) is \(body)")
            asked.key = event.exchange
            open.append(asked)
        case .httpClosed:
            let count = open.count
            open.removeAll { $0.key == event.exchange }
            expect(open.count == count - 1, "an exchange has ended that was not open")
            cut += 1
        case .httpWritable:
            let asked = open.first { $0.key == event.exchange }
            expect(asked?.body.count == Int(event.sentBytes), "\(event.sentBytes) bytes are sent")
        case .access: break
        default: expect(false, "\(event.kind)")
        }
        engine.recycle(event)
    }
}

extension ServerEngine.AnswerStep {
    fileprivate var isPart: Bool {
        if case .part = self { true } else { false }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate static var nothing: UnsafeRawBufferPointer { .init(start: nil, count: 0) }
}
