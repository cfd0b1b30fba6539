import Engine
import Fuzzing
import Link
import Session
import Wire

/// A client's end of a connection, and the socket between.
final class Client {
    /// How much the socket takes of what is written to it.
    enum Appetite { case all, half, none }

    let number: Int
    let connection: ServerConnection
    var appetite = Appetite.all
    /// What has been handed to the socket and it has not taken.
    var unwritten: Output?
    var unsent: Int { unwritten?.count ?? 0 }
    var hasShutDown = false
    /// Whether the client sends no more.
    var hasFinished = false
    /// Whether nothing is to be read from the socket.
    var isHeldBack = false
    /// Whether it may have come back for what it had missed.
    private(set) var mayReplay = false
    private var reader = ResponseCheck()
    /// What has come and has not been read.
    private let received = ByteBuffer()
    /// Reads what the client sends, for the order of its requests.
    private let parser: RequestParser
    private var hasFailed = false

    init(_ number: Int, _ connection: ServerConnection, _ limits: Limits) {
        self.number = number
        self.connection = connection
        parser = RequestParser(limits: limits, settings: LLHTTPSettings(indexing: .mcp))
        parser.head = RequestHead()
    }

    func receive(_ bytes: UnsafeRawBufferPointer) {
        received.append(bytes)
    }

    /// `gaps` is how many primaries have lost something.
    func read(_ names: inout Names, gaps: UInt64) {
        reader.gaps = gaps
        reader.read(received.bytes)
        received.removeAll()
        names.events[number] = reader.lastEventID
        if !reader.state.isEmpty { names.state = reader.state }
        if !reader.endpoint.isEmpty { names.endpoint = reader.endpoint }
    }

    func willSend(_ bytes: UnsafeRawBufferPointer, gaps: UInt64) {
        var rest = bytes
        var hasStopped = false
        while rest.count > 0 || hasStopped, !hasFailed {
            let (step, used) = parser.parse(rest)
            rest = rest.dropBytes(used)
            hasStopped = step == .head
            if case .fault = step { hasFailed = true }
            guard step == .head, let head = parser.head else { continue }
            let cursor = head.method == .get ? head[.lastEventID] : nil
            reader.willAsk(
                .init(
                    method: head.method, target: String(decoding: head.targetBytes, as: UTF8.self),
                    cursor: cursor.flatMap { EventIDCodec.read($0) },
                    gaps: gaps))
            if cursor != nil { mayReplay = true }
        }
    }
}

extension World {
    /// Does what one line says.
    func perform(_ line: Line) {
        let text = line.text(names)
        withExtendedLifetime(text) {
            if !act(line, text) { command(line, text) }
        }
        settle()
    }

    /// What a client does; false if the verb is the host's.
    private func act(_ line: Line, _ text: ByteBuffer) -> Bool {
        switch line.verb {
        case verb("o"): _ = open(line.first)
        case verb("r"): send(text, line.first, inPieces: line.says("k"))
        case verb("p"): send(request("POST", line, text), line.first, inPieces: line.says("k"))
        case verb("g"): send(request("GET", line, text), line.first, inPieces: line.says("k"))
        case verb("d"): send(request("DELETE", line, text), line.first, inPieces: line.says("k"))
        case verb("l"): if let client = clients[line.first] { leave(client, line) }
        case verb("s"):
            guard let client = clients[line.first] else { return true }
            client.appetite = [.all, .none, .half][line.second % 3]
            goOnWriting(client)
            flush(client)
        case verb("t"):
            if line.says("d") { engine.dropSpareParts() }
            wait(line.first, late: false)
        case verb("j"): wait(line.first, late: true)
        default: return false
        }
        return true
    }

    func verb(_ letter: Unicode.Scalar) -> UInt8 { UInt8(ascii: letter) & 31 }

    private func open(_ number: Int) -> Client? {
        if let client = clients[number] { return client }
        guard let driver = UnsafeMutableRawPointer(bitPattern: 1),
            let connection = engine.connectionOpened(driver: driver, from: address(number))
        else { return nil }
        let client = Client(number, connection, options.limits)
        clients[number] = client
        return client
    }

    /// Each two connections are from one machine, and some from a network of version 6.
    private func address(_ number: Int) -> PeerAddress? {
        guard program.hasAddresses else { return nil }
        let machine = UInt64(number / 2)
        return number < 4
            ? PeerAddress(ipv4: UInt32(machine)) : PeerAddress(ipv6: machine, UInt64(number))
    }

    /// A client goes, or has only finished sending.
    private func leave(_ client: Client, _ line: Line) {
        guard line.says("h"), !client.hasFinished else {
            return engine.connectionLost(client.connection)
        }
        client.hasFinished = true
        engine.readingEnded(on: client.connection)
    }

    /// Sends on a connection, which is opened if there is none.
    private func send(_ bytes: ByteBuffer, _ number: Int, inPieces: Bool) {
        guard let client = open(number), !client.isHeldBack, !client.hasFinished else { return }
        client.willSend(bytes.bytes, gaps: engine.statistics.primaryGaps)
        withExtendedLifetime(bytes) {
            guard inPieces else { return engine.received(bytes.bytes, on: client.connection) }
            forEachPiece(of: bytes.bytes, seed: UInt8(number)) { piece in
                let lent = ByteBuffer(copying: piece)
                if !client.connection.hasEnded, !client.isHeldBack {
                    engine.received(lent.bytes, on: client.connection, lent: true)
                }
                withExtendedLifetime(lent) { settle() }
            }
        }
    }

    /// What the head of a modern request repeats of its body.
    private func appendModern(_ text: ByteBuffer, to output: ByteBuffer) {
        output.append("MCP-Protocol-Version: 2026-07-28\r\n")
        withExtendedLifetime(text) {
            guard let root = JSONValue(text.bytes, depthMax: 8) else { return }
            let params = root["params"]
            for (name, value) in [
                ("Mcp-Method: " as StaticString, root["method"]),
                ("Mcp-Name: ", params?["name"] ?? params?["uri"]),
            ] {
                guard let value = value?.string, !value.bytes.contains(where: { $0 < 32 }) else {
                    continue
                }
                output.append(name)
                output.append(value)
                output.append("\r\n")
            }
        }
    }

    private func appendTarget(of line: Line, to output: ByteBuffer) {
        if !line.says("s") {
            output.append("/mcp")
        } else if line.verb == verb("p") {
            names.endpoint(line.second, to: output)
        } else {
            output.append(Names.oldPath)
        }
    }

    /// A request in the usual form. `second` is its session, and 0 is none; the letters are what is
    /// unusual. `text` is a POST's message, and a GET's last event.
    private func request(_ method: StaticString, _ line: Line, _ text: ByteBuffer) -> ByteBuffer {
        let output = ByteBuffer()
        let isPost = line.verb == verb("p")
        output.append(method)
        output.append(" ")
        appendTarget(of: line, to: output)
        output.append(line.says("z") ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n")
        output.append("Host: localhost\r\nAccept: application/json, text/event-stream\r\n")
        if line.second > 0, !line.says("s") {
            output.append("Mcp-Session-Id: ")
            names.session(line.second, to: output)
            output.append("\r\n")
        }
        if line.says("v") { output.append("MCP-Protocol-Version: 2025-06-18\r\n") }
        if line.says("m") { appendModern(text, to: output) }
        if line.says("x") { output.append("Connection: close\r\n") }
        if line.says("w") { output.append("Connection: keep-alive\r\n") }
        if line.says("e") { output.append("Expect: 100-continue\r\n") }
        if line.says("o") { output.append("Origin: http://a.example\r\n") }
        if line.says("a") { output.append("Authorization: Bearer x\r\n") }
        if line.says("b") { output.append("Authorization: bearer y\r\n") }
        guard isPost else {
            if !text.isEmpty {
                output.append("Last-Event-ID: ")
                output.append(text)
                output.append("\r\n")
            }
            output.append("\r\n")
            return output
        }
        output.append("Content-Type: application/json\r\n")
        output.append(line.says("c") ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: ")
        if line.says("c") {
            if !text.isEmpty { output.appendPart(.chunked) { $0.append(text) } }
            output.endBody(.chunked)
        } else {
            output.append(decimal: UInt64(text.count))
            output.append("\r\n\r\n")
            output.append(text)
        }
        return output
    }
}
