import Link
import Session
import Wire

/// The key of an exchange that one node has passed on to another. The node with the client gives
/// it.
struct RelayKey: Hashable, Sendable {
    let rawValue: UInt64
}

/// What nodes say to each other: a byte for the kind, and what belongs to it.
enum NodeMessage {
    // From the node that has the client.
    /// A request: its terms, and its bytes.
    case request(RelayKey, RelayTerms, UnsafeRawBufferPointer)
    /// The client's socket has taken `count` bytes of the response.
    case taken(RelayKey, count: UInt64)
    /// The client is to come back elsewhere: its stream is to end.
    case hangUp(RelayKey)
    /// The client has gone.
    case left(RelayKey)
    // From the node that answers.
    case response(RelayKey, UnsafeRawBufferPointer)
    /// The response is complete.
    case ended(RelayKey, keepsAlive: Bool)
    /// The request was not looked at: another node may have its session now.
    case moved(RelayKey)
    /// The response ends before it is complete.
    case broken(RelayKey)
    // For all.
    case publish(UInt8, uri: UnsafeRawBufferPointer)
    case broadcast(method: UnsafeRawBufferPointer, params: UnsafeRawBufferPointer)
    /// What was under way between the two nodes is over for the sender: messages may be lost.
    case over

    fileprivate enum Kind: UInt8 {
        case request = 1
        case taken, hangUp, left, response, ended, endedLast, moved, broken, publish, broadcast
        case over
    }

    // MARK: Writing

    var bytes: ByteBuffer {
        let output = ByteBuffer(capacity: 32)
        switch self {
        case .request(let key, let terms, let request):
            output.reserve(request.count + 64)
            output.put(.request, key)
            output.put(part: terms.principal?.name)
            output.put(part: terms.peer?.bytes)
            output.put(number: UInt64(bitPattern: terms.expiresIn ?? -1))
            output.append(request)
        case .taken(let key, let count):
            output.put(.taken, key)
            output.put(number: count)
        case .hangUp(let key): output.put(.hangUp, key)
        case .left(let key): output.put(.left, key)
        case .response(let key, let bytes):
            output.reserve(bytes.count)
            output.put(.response, key)
            output.append(bytes)
        case .ended(let key, let keepsAlive): output.put(keepsAlive ? .ended : .endedLast, key)
        case .moved(let key): output.put(.moved, key)
        case .broken(let key): output.put(.broken, key)
        case .publish(let change, let uri):
            output.append(Kind.publish.rawValue)
            output.append(change)
            output.append(uri)
        case .broadcast(let method, let params):
            output.append(Kind.broadcast.rawValue)
            output.put(part: method)
            output.append(params)
        case .over: output.append(Kind.over.rawValue)
        }
        return output
    }

    // MARK: Reading

    /// Reads a message; nil if it is none, as of a later version or of a stranger.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let kind = bytes.first.flatMap({ Kind(rawValue: $0) }) else { return nil }
        var rest = bytes.dropBytes(1)
        switch kind {
        case .publish:
            guard let change = rest.first else { return nil }
            self = .publish(change, uri: rest.dropBytes(1))
            return
        case .broadcast:
            guard let method = rest.takePart() else { return nil }
            self = .broadcast(method: method, params: rest)
            return
        case .over:
            self = .over
            return
        default: break
        }
        guard let number = rest.takeNumber() else { return nil }
        let key = RelayKey(rawValue: number)
        switch kind {
        case .request:
            guard let principal = rest.takePart(), let peer = rest.takePart(),
                let expiry = rest.takeNumber()
            else { return nil }
            var terms = RelayTerms()
            if principal.count > 0 {
                guard let principal = Principal(principal) else { return nil }
                terms.principal = principal
            }
            if peer.count > 0 { terms.peer = ByteBuffer(copying: peer) }
            // A host says no more than that.
            terms.expiresIn = expiry <= UInt64(UInt32.max) ? Int64(expiry) : nil
            self = .request(key, terms, rest)
        case .taken:
            guard let count = rest.takeNumber() else { return nil }
            self = .taken(key, count: count)
        case .hangUp: self = .hangUp(key)
        case .left: self = .left(key)
        case .response: self = .response(key, rest)
        case .ended: self = .ended(key, keepsAlive: true)
        case .endedLast: self = .ended(key, keepsAlive: false)
        case .moved: self = .moved(key)
        case .broken: self = .broken(key)
        case .publish, .broadcast, .over: return nil
        }
    }
}

/// For whom a request was passed on: the node with the client has checked all of it.
struct RelayTerms {
    var principal: Principal?
    /// Where the client is, for the operator.
    var peer: ByteBuffer?
    /// When the authorization expires, in milliseconds from now; nil is never.
    var expiresIn: Int64?
}

extension ByteBuffer {
    fileprivate func put(_ kind: NodeMessage.Kind, _ key: RelayKey) {
        append(kind.rawValue)
        put(number: key.rawValue)
    }

    fileprivate func put(number: UInt64) {
        withUnsafeBytes(of: number.littleEndian) { append($0) }
    }

    /// Appends some bytes with their length.
    fileprivate func put(part: UnsafeRawBufferPointer?) {
        put(number: UInt64(part?.count ?? 0))
        if let part { append(part) }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate mutating func takeNumber() -> UInt64? {
        guard count >= 8 else { return nil }
        defer { self = dropBytes(8) }
        return UInt64(littleEndian: loadUnaligned(as: UInt64.self))
    }

    fileprivate mutating func takePart() -> UnsafeRawBufferPointer? {
        guard let length = takeNumber(), length <= UInt64(count) else { return nil }
        defer { self = dropBytes(Int(length)) }
        return prefixBytes(Int(length))
    }
}
