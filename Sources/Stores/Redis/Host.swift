import CStore
import CStreamableHTTP
import StoreShared

/// The server whose store this is, and its functions. They may call the store again: nothing of it
/// is being changed meanwhile.
final class Host {
    private let functions: shttp_store_answers
    private var server: OpaquePointer?
    private var lines = LogLimit()
    /// What was told last.
    private var keptSerial: UInt64 = 0

    init(_ functions: shttp_store_answers) { self.functions = functions }

    func begin(_ server: OpaquePointer?) { self.server = server }

    /// From now on nothing is told.
    func end() { server = nil }

    // MARK: Answers

    func fail(_ load: shttp_load) {
        guard let server else { return }
        _ = functions.load_fail(server, load)
    }

    func finish(_ find: shttp_load, record: UnsafeRawBufferPointer) {
        guard let server else { return }
        check(functions.find_finish(server, find, shttp_bytes(record)), find)
    }

    func finish(_ find: shttp_load, elsewhere node: NodeName) {
        guard let server else { return }
        node.withPointer { check(functions.find_finish_elsewhere(server, find, $0), find) }
    }

    /// `record` is nil if the stream has ended.
    func finish(_ load: shttp_load, _ messages: [shttp_bytes], record: UnsafeRawBufferPointer?) {
        guard let server else { return }
        messages.withUnsafeBufferPointer { all in
            let status =
                record.map {
                    functions.load_finish_open(
                        server, load, all.baseAddress, all.count, shttp_bytes($0))
                } ?? functions.load_finish(server, load, all.baseAddress, all.count, 1)
            check(status, load)
        }
    }

    private func check(_ status: shttp_status, _ load: shttp_load) {
        switch status {
        // Not what the library wrote, or more than the server can take now.
        case SHTTP_ERR_INVALID_MESSAGE, SHTTP_ERR_TOO_DEEP, SHTTP_ERR_LIMIT,
            SHTTP_ERR_INVALID_ARGUMENT:
            fail(load)
        default: break
        }
    }

    // MARK: News

    func tellKept(upTo serial: UInt64) {
        guard let server, serial > keptSerial else { return }
        keptSerial = serial
        functions.kept(server, serial)
    }

    func receive(_ message: UnsafeRawBufferPointer, from node: NodeName) {
        guard let server else { return }
        node.withPointer { functions.received(server, $0, shttp_bytes(message)) }
    }

    /// Messages of a node or, if that is nil, of all may be missing.
    func tellGone(_ node: NodeName?) {
        guard let server else { return }
        guard let node else { return functions.gone(server, nil) }
        node.withPointer { functions.gone(server, $0) }
    }

    func tellLost(_ session: UnsafeRawBufferPointer) {
        guard let server else { return }
        functions.lost(server, shttp_bytes(session))
    }

    func tellReached(_ isReached: Bool) {
        guard let server else { return }
        functions.reached(server, isReached ? 1 : 0)
    }

    // MARK: The log

    func log(
        _ level: LogLimit.Level, _ text: StaticString, about topic: LogLimit.Topic, _ detail: Text
    ) {
        guard let server, lines.allows(topic, at: MonotonicClock.now) else { return }
        var line = Text()
        line.append(text)
        line.append(" ")
        line.append(detail)
        line.withCString { functions.log(server, level.value, $0) }
    }
}
