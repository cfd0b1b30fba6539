import Engine
import Foundation
import Link
import Session
import Testing
import Wire

/// `docs/LIMITS.md` lists everything that a peer can make grow. It must agree with the code.
@Suite("The page of limits")
struct LimitsTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    private static func number(_ cell: String) -> Int? {
        Int(cell.filter { !",*".contains($0) })
    }

    /// The cells of each line of a table on the page, under its heading.
    private static func rows(of heading: String? = nil) throws -> [[String]] {
        var current = ""
        var rows: [[String]] = []
        for line in try text("docs/LIMITS.md").split(separator: "\n") {
            if line.hasPrefix("## ") { current = String(line.dropFirst(3)) }
            guard line.hasPrefix("| "), heading == nil || heading == current else { continue }
            rows.append(
                line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) })
        }
        return rows
    }

    /// The options on the page, with their defaults on it.
    private static func options() throws -> [(name: String, value: Int)] {
        let others = Set(try rows(of: "A small container"))
        return try rows().filter { !others.contains($0) }.compactMap { row in
            guard let cell = row.first(where: { $0.hasPrefix("`") }), row.count >= 3,
                let name = cell.split(separator: "`").first,
                let value = row.dropFirst().lazy.compactMap({ number($0) }).first
            else { return nil }
            return (String(name), value)
        }
    }

    /// The numeric options in the header, with the defaults in their comments.
    private static func declared() throws -> [String: Int] {
        let header = try text("include/streamablehttp.h")
        var found: [String: Int] = [:]
        let pattern = /[Dd]efault[\s*]+([0-9]+)(?:(?!\*\/)[\s\S])*\*\/\s+uint32_t ([a-z_]+);/
        for match in header.matches(of: pattern) { found[String(match.2)] = Int(match.1) }
        return found
    }

    @Test("Each option has its default in the header, and each limit is on the page")
    func defaults() throws {
        let declared = try LimitsTests.declared()
        let options = try LimitsTests.options()
        for option in options {
            #expect(declared[option.name] == option.value, "\(option.name)")
        }
        let bounds = declared.keys.filter { $0.hasSuffix("_max") }
        #expect(bounds.count > 20)
        let named = Set(options.map { $0.name })
        for bound in bounds.sorted() { #expect(named.contains(bound), "\(bound)") }
    }

    @Test("The rows add up, and each equals the value of its option")
    func sum() throws {
        var rows = try LimitsTests.rows(of: "In all").dropFirst()
        let total = try #require(rows.last?.last)
        rows.removeLast()
        let worst = rows.map { LimitsTests.number($0[3]) ?? 0 }
        #expect(worst.allSatisfy { $0 > 0 } && worst.count == 10)
        #expect(LimitsTests.number(total) == worst.reduce(0, +))
        #expect(try LimitsTests.text("docs/LIMITS.md").contains("at most \(total) bytes"))
        for row in rows.filter({ !$0[2].isEmpty }) {
            let factor =
                row[1].contains("1,600 each") ? 1_600 : row[1].contains("4 of them") ? 4 : 1
            #expect(LimitsTests.number(row[3]) == (LimitsTests.number(row[2]) ?? 0) * factor)
        }
    }

    @Test("The small container adds up, too")
    func container() throws {
        let rows = try LimitsTests.rows(of: "A small container").dropFirst()
        var values: [String: Int] = [:]
        for row in rows {
            for match in row[0].matches(of: /`([a-z_]+)`/) {
                let digits = row[1].split(separator: " ")[0]
                values[String(match.1)] = LimitsTests.number(String(digits))
            }
        }
        let bytes = [
            "arriving_bytes_max", "request_bytes_max", "session_bytes_max", "queue_bytes_max",
            "command_bytes_max", "replay_total_bytes_max", "total_unsent_bytes_max",
        ]
        let sum =
            try bytes.map { try #require(values[$0]) }.reduce(0, +)
            + 1_600 * (values["connections_max"] ?? 0) + 4 * (values["message_bytes_max"] ?? 0)
            + (16 << 20)
        #expect(sum == LimitsTests.number(rows.last?[1] ?? ""))
    }

    @Test("The fixed amounts equal those on the page")
    func fixed() throws {
        let fixed = try LimitsTests.rows().filter { $0[0] == "fixed" }
            .compactMap { LimitsTests.number($0[1]) }
        let options = ServerOptions()
        #expect(
            fixed == [
                options.limits.targetBytes, options.limits.requestIDBytes,
                options.pipelinedBytesMax, Principal.bytesMax,
            ])
        #expect(ServerConnection.heldBytes == 1_600)
    }

    /// A crowd of an eighth of the limits: tables grow in proportion.
    @Test("Tables fit into the memory that the page states")
    func tables() throws {
        let spareBytes = (1 << 20) + (4 << 20) + (1 << 20)
        let row = try #require(try LimitsTests.rows(of: "In all").dropLast().last)
        let engine = ServerEngine(ServerOptions()) { UInt64.random(in: 0...(.max)) }
        let driver = try #require(UnsafeMutableRawPointer(bitPattern: 1))
        var connections: [ServerConnection] = []
        for _ in 0..<2_048 {
            connections.append(try #require(engine.connectionOpened(driver: driver)))
        }
        let crowd = Crowd(engine, connections)
        for _ in 0..<1_250 { try crowd.initialize() }
        while engine.statistics.requestBytes < UInt64(engine.options.requestBytesMax / 8) {
            guard try crowd.call() else { break }
        }
        let now = engine.statistics
        #expect(now.connections == 2_048 && now.sessions == 1_250)
        #expect(now.requestBytes > 7 << 20)
        let tables =
            now.heldBytes - now.unsentBytes - now.replayBytes - now.arrivingBytes
            - now.requestBytes - now.sessionBytes
            - now.connections * UInt64(ServerConnection.heldBytes)
        #expect(8 * Int(tables) + spareBytes <= (LimitsTests.number(row[3]) ?? 0))
    }
}

/// Clients of an engine whose host answers nothing but `initialize`.
private final class Crowd {
    private let engine: ServerEngine
    private var free: [ServerConnection]
    private var sessions: [String] = []

    init(_ engine: ServerEngine, _ connections: [ServerConnection]) {
        self.engine = engine
        free = connections
    }

    func initialize() throws {
        let connection = try #require(free.last)
        let answer = send(
            """
            {"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",\
            "capabilities":{},"clientInfo":{"name":"c","version":"1"}}}
            """, on: connection)
        let id = try #require(answer.firstMatch(of: /Mcp-Session-Id: ([^\r]+)/))
        sessions.append(String(id.1))
    }

    /// A call whose client disconnects at once. False if no more are accepted.
    func call() throws -> Bool {
        let requests = engine.statistics.requests
        let session = sessions[Int(requests) / 250 % sessions.count]
        let connection = free.removeLast()
        _ = send(
            "{\"jsonrpc\":\"2.0\",\"id\":\(requests),\"method\":\"x\"}",
            fields: "Mcp-Session-Id: \(session)\r\n", on: connection)
        engine.connectionLost(connection)
        settle()
        let driver = try #require(UnsafeMutableRawPointer(bitPattern: 1))
        free.append(try #require(engine.connectionOpened(driver: driver)))
        return engine.statistics.requests > requests
    }

    private func settle() {
        while let effect = engine.nextEffect() {
            guard case .deliver(let event) = effect else { continue }
            if let request = event.request, event.method.elementsEqual("initialize".utf8) == true {
                let result: StaticString =
                    #"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{}}"#
                try? engine.respond(request, result.rawBytes)
            }
            engine.recycle(event)
        }
    }

    private func send(_ body: String, fields: String = "", on connection: ServerConnection)
        -> String
    {
        let text =
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + "Accept: application/json, text/event-stream\r\n\(fields)"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        Array(text.utf8).withUnsafeBytes { engine.received($0, on: connection, lent: false) }
        settle()
        var answer = ""
        while let output = engine.takeOutput(of: connection) {
            output.forEachPiece { answer += String(decoding: $0, as: UTF8.self) }
            engine.sent(output.count, on: connection)
            engine.recycle(output)
        }
        return answer
    }
}
