import Link
import Replay
import Session
import Wire

/// What a host's stores keep.
struct StoreState {
    struct Message {
        let number: UInt64
        let text: ByteBuffer
    }

    struct Stream {
        let session: SessionID
        var messages: [Message] = []
        var hasEnded = false
        /// What the engine wants to know of it later.
        var record: ByteBuffer?

        /// The number of its last message.
        var last: UInt64 { messages.last?.number ?? 0 }
    }

    struct Kept {
        var record: ByteBuffer
        /// Until when it must be kept; nil is for ever.
        var deadline: Int64?
    }

    private(set) var streams: [StreamToken: Stream] = [:]
    private(set) var sessions: [SessionID: Kept] = [:]

    /// Does what an order says. Sessions are kept for `idle` milliseconds.
    mutating func apply(_ order: StoreOrder, at time: Int64, idle: Int64?) {
        switch order {
        case .begin(let stream, let record, let session):
            streams[stream] = Stream(session: session, record: record)
        case .keep(let event, let session):
            let message = Message(number: event.id.sequence, text: event.message)
            streams[event.id.stream, default: Stream(session: session)].messages.append(message)
        case .end(let stream, let session):
            streams[stream, default: Stream(session: session)].hasEnded = true
        case .forget(let session): forgetStreams(of: session)
        case .keepSession(let session, let record):
            sessions[session] = Kept(record: record, deadline: idle.map { time + $0 })
        case .touchSession(let session): sessions[session]?.deadline = idle.map { time + $0 }
        case .forgetSession(let session): sessions[session] = nil
        case .load, .findSession, .releaseSession, .send: break
        }
    }

    /// Forgets a session that nobody has used for too long, with its streams.
    mutating func expire(_ session: SessionID) {
        sessions[session] = nil
        forgetStreams(of: session)
    }

    /// The first stream of a session that has messages and no end; nil if it has none.
    func firstOpenStream(of session: SessionID) -> StreamToken? {
        streams.filter { $0.value.session == session && !$0.value.hasEnded && $0.value.last > 0 }
            .keys.min { ($0.high, $0.low) < ($1.high, $1.low) }
    }

    private mutating func forgetStreams(of session: SessionID) {
        streams = streams.filter { $0.value.session != session }
    }
}

extension StoreOrder {
    /// The session that it changes something of; nil if it only asks.
    var changed: SessionID? {
        switch self {
        case .begin(_, _, let session), .keep(_, let session), .end(_, let session),
            .forget(let session), .keepSession(let session, _), .touchSession(let session),
            .forgetSession(let session):
            session
        case .load, .findSession, .releaseSession, .send: nil
        }
    }

    /// The stream that it changes.
    var stream: StreamToken? {
        switch self {
        case .begin(let stream, _, _), .end(let stream, _): stream
        case .keep(let event, _): event.id.stream
        default: nil
        }
    }
}
