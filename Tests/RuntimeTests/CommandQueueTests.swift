import Engine
import Foundation
import Runtime
import Session
import Testing
import Wire

private let sessions = (1...9).map { SessionKey(rawValue: UInt64($0)) }

extension CommandQueue<Command> {
    /// Puts in a notification to a session, which takes two texts.
    fileprivate func put(_ key: SessionKey, _ method: String, _ params: String) -> CommandReceipt {
        Array(method.utf8).withUnsafeBytes { method in
            Array(params.utf8).withUnsafeBytes { params in
                put(method, params) { .notifySession(key, method: $0, params: $1) }
            }
        }
    }

    /// Takes everything out, as `key:method:params`.
    fileprivate func takeAll() -> [String] {
        var batch = CommandBatch<Command>()
        exchange(&batch)
        return batch.takeAll()
    }
}

extension CommandBatch<Command> {
    fileprivate mutating func takeAll() -> [String] {
        var told: [String] = []
        while let command = next() { told.append(tell(command)) }
        return told
    }

    fileprivate func tell(_ command: Command) -> String {
        switch command {
        case .notifySession(let key, let method, let params):
            let texts = [method, params].map { String(decoding: bytes(of: $0), as: UTF8.self) }
            return "\(key.rawValue):\(texts[0]):\(texts[1])"
        case .closeServer: return "close"
        default: return "another"
        }
    }
}

@Suite("CommandQueue")
struct CommandQueueTests {
    @Test("Commands come out in order with their texts, and the first one wakes the loop")
    func order() {
        let queue = CommandQueue<Command>(weightMax: 10_000)
        #expect(queue.put(sessions[0], "a", "{}") == .isFirst)
        #expect(queue.put(sessions[1], "bc", "") == .joined)
        #expect(queue.takeAll() == ["1:a:{}", "2:bc:"])
        #expect(queue.takeAll() == [])
        #expect(queue.put(sessions[2], "d", "{}") == .isFirst)
    }

    @Test("A batch that was cleared is used again")
    func reuse() {
        let queue = CommandQueue<Command>(weightMax: 10_000)
        var batch = CommandBatch<Command>()
        for number in 0..<5 {
            #expect(queue.put(sessions[number], "\(number)", "x") == .isFirst)
            queue.exchange(&batch)
            let told = batch.takeAll()
            #expect(told == ["\(number + 1):\(number):x"])
            batch.clear()
            let rest = batch.next()
            #expect(rest.map { batch.tell($0) } == nil)
        }
    }

    @Test("A batch that was cleared weighs nothing")
    func clearedWeight() {
        let queue = CommandQueue<Command>(weightMax: 2 * CommandBatch<Command>.ownWeight + 8)
        var batch = CommandBatch<Command>()
        for _ in 0..<4 {
            #expect(queue.put(sessions[0], "ab", "cd") == .isFirst)
            #expect(queue.put(sessions[1], "ab", "cd") == .joined)
            #expect(queue.put(sessions[2], "", "") == .full)
            queue.exchange(&batch)
            batch.clear()
        }
    }

    @Test("A long text arrives whole in a buffer of its own")
    func long() throws {
        let queue = CommandQueue<Command>(weightMax: 100_000)
        let text = String(repeating: "0123456789abcdef", count: 2_048)
        #expect(queue.put(sessions[0], "m", text) == .isFirst)
        var batch = CommandBatch<Command>()
        queue.exchange(&batch)
        let next = batch.next()
        let command = try #require(next)
        #expect(batch.tell(command) == "1:m:\(text)")
        guard case .notifySession(_, .among, .alone) = command else {
            return #expect(Bool(false), "short and long are mixed up")
        }
    }

    @Test("What would weigh too much is not taken, but for what ends the server")
    func weight() {
        let queue = CommandQueue<Command>(weightMax: 2 * CommandBatch<Command>.ownWeight + 8)
        #expect(queue.put(sessions[0], "ab", "cd") == .isFirst)
        #expect(queue.put(sessions[1], "ab", "cde") == .full)
        #expect(queue.put(sessions[2], "ab", "cd") == .joined)
        #expect(queue.put(.closeServer) == .joined)
        #expect(queue.takeAll() == ["1:ab:cd", "3:ab:cd", "close"])
        #expect(queue.put(sessions[3], "ab", "cd") == .isFirst)
    }

    @Test("One that finds no other waiting is taken, whatever it weighs")
    func heavy() {
        let queue = CommandQueue<Command>(weightMax: 8)
        #expect(queue.put(sessions[0], "ab", "cd") == .isFirst)
        #expect(queue.put(sessions[1], "", "") == .full)
        #expect(queue.takeAll() == ["1:ab:cd"])
        #expect(queue.put(sessions[2], "ab", "cd") == .isFirst)
    }

    @Test("Threads lose nothing, and each one's commands keep their order")
    func threads() {
        // A queue is for many threads by its making, which the compiler cannot see.
        nonisolated(unsafe) let queue = CommandQueue<Command>(weightMax: .max)
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            for number in 0..<1_000 { _ = queue.put(sessions[thread], "\(number)", "") }
        }
        let all = queue.takeAll()
        #expect(all.count == 4_000)
        for thread in 0..<4 {
            let own = all.filter { $0.hasPrefix("\(thread + 1):") }
            #expect(own == (0..<1_000).map { "\(thread + 1):\($0):" })
        }
    }
}
