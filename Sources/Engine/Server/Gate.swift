import Link
import MCP
import Wire

/// Who may do what: host, origin and path, CORS, authorization and its expiry. Decided by the head
/// alone, before the body is read (S-018, A-010).
struct Gate: ~Copyable {
    private let admission: Admission
    private let crossOrigin: CrossOrigin?
    private let policy: AuthorizationPolicy
    let metadata: ResourceMetadata?
    /// When streams' authorizations expire: one list, by the connection's index.
    private var expiries = DeadlineBoard(timeouts: [0])

    init(_ options: ServerOptions) {
        admission = Admission(options)
        crossOrigin = options.crossOrigins.map { CrossOrigin($0, isStateless: options.isStateless) }
        policy = options.authorization
        metadata = options.resourceMetadata
    }

    var reach: Reach { admission.reach }

    /// Sets from where the server can be reached: from farther, if it is not the first time.
    func bound(_ reach: Reach, isFirst: Bool) {
        if isFirst || reach.rawValue < admission.reach.rawValue { admission.reach = reach }
    }

    /// Classifies a request before authorization; must reveal nothing about sessions.
    func judge(_ head: RequestHead) -> Admission.Verdict { admission.judge(head) }

    /// Whether a path is that of an endpoint, or of its metadata.
    func serves(_ path: UnsafeRawBufferPointer) -> Bool { admission.serves(path) }

    /// The path that a request asks for, as it was sent; nil for another host's.
    func asked(_ head: RequestHead) -> UnsafeRawBufferPointer? { Admission.path(of: head) }

    /// Whether an authorized request can be served; nil if it can.
    func examine(_ head: RequestHead) -> Refusal? { admission.examine(head) }

    /// Whether a request is for the transport of the first revision.
    @inline(__always)
    func isOld(_ head: RequestHead) -> Bool { admission.isOld(head) }

    /// The path of a request, and the session that its target names.
    func path(of head: RequestHead) -> ByteBuffer {
        ByteBuffer(copying: Admission.path(of: head) ?? .init(start: nil, count: 0))
    }
    func oldSession(of head: RequestHead) -> UnsafeRawBufferPointer? { Admission.session(of: head) }

    func acceptsStream(_ head: RequestHead) -> Bool { admission.acceptsStream(head) }

    /// The CORS fields of the response; nil for none.
    func crossOriginFields(for head: RequestHead) -> ByteBuffer? { crossOrigin?.fields(for: head) }

    func appendPreflight(_ head: RequestHead, to output: ByteBuffer) {
        crossOrigin?.appendPreflight(head, to: output)
    }

    // MARK: Authorization

    enum Authorization {
        /// It may be made, by a principal if tokens say so.
        case allowed(Principal?)
        case challenged(Challenge)
        /// The host decides.
        case undecided
    }

    /// Whether the host decides on each request.
    var asksHost: Bool {
        if case .host = policy { true } else { false }
    }

    func authorize(_ head: RequestHead) -> Authorization {
        switch policy {
        case .none: return .allowed(nil)
        case .tokens(let tokens):
            if let fault = Challenge(faultOf: head) { return .challenged(fault) }
            guard let credentials = head[.authorization].map({ Credentials($0) }),
                credentials.isBearer
            else { return .challenged(Challenge(.credentialsMissing)) }
            guard let principal = tokens.principal(of: credentials.value) else {
                return .challenged(Challenge(.invalidToken))
            }
            head.remove(.authorization)  // Nobody else needs the secret.
            return .allowed(principal)
        case .host:
            return Challenge(faultOf: head).map { .challenged($0) } ?? .undecided
        }
    }

    /// The stream of a connection is to end when its authorization expires.
    mutating func watchExpiry(of connection: ServerConnection) {
        guard let expiry = connection.exchange.expiry else { return }
        expiries.arm(connection.id.index, 0, at: expiry)
    }

    @inline(__always)
    var nextExpiry: Instant? { expiries.next }

    /// The next connection whose authorization has expired.
    mutating func popExpired(
        of connections: borrowing Connections, at now: Instant
    ) -> ServerConnection? {
        while let due = expiries.popDue(at: now) {
            guard let connection = connections[index: due.index],
                let expiry = connection.exchange.expiry, expiry <= now
            else { continue }
            return connection
        }
        return nil
    }
}
