import MCP
import Wire

/// Decides by the rules of which era a request is served: its body decides, and its head is only
/// compared (S-021). Pure functions.
struct Classifier: Sendable {
    private let served: RevisionSet
    private let hasLegacy: Bool
    private let hasModern: Bool

    init(served: RevisionSet) {
        self.served = served
        hasLegacy = served.has(.legacy)
        hasModern = served.has(.modern)
    }

    enum Route: Equatable {
        case legacy
        case modern
        /// A notification that nobody here understands.
        case ignore
        /// A revision that is not served; the error lists those of an era (S-025).
        case unserved(listing: Era)
        /// A request of another era where only modern ones are served (S-023).
        case modernOnly
        /// A response, which modern clients do not send (S-121).
        case response

        /// Why a request is refused, and the revisions to list in the error.
        var refusal: (refusal: Refusal, listing: Era?)? {
            switch self {
            case .legacy, .modern, .ignore: nil
            case .unserved(let era): (.revision, era)
            case .modernOnly: (.modernOnly, .modern)
            case .response: (.responsePosted, nil)
            }
        }
    }

    /// What `MCP-Protocol-Version` says.
    enum Header {
        case absent
        case legacy
        case modern
        case unknown
    }

    @_optimize(speed)
    func header(of head: RequestHead) -> Header {
        guard let text = head[.protocolVersion] else { return .absent }
        guard head.isUnanimous(.protocolVersion, FieldName.protocolVersion),
            let revision = served.find(text)
        else { return .unknown }
        return revision.era == .modern ? .modern : .legacy
    }

    /// The route of a POST with one message. `hasClaim`: its `_meta` names a revision.
    @inline(__always)
    func route(
        _ kind: Envelope.Kind, isInitialize: Bool, hasClaim: Bool, _ header: Header
    ) -> Route {
        switch kind {
        case .request, .notification:
            if hasClaim {
                return hasModern ? .modern : .unserved(listing: .legacy)
            }
        case .response, .strayError:
            if header == .modern || !hasLegacy {
                return .response
            }
        }
        if header == .modern { return isInitialize ? legacyRoute(kind) : .modern }
        // S-211: `initialize` names its revision in its body. Older clients send anything in the
        // header, and took a refusal for an older transport.
        if header == .unknown, !isInitialize {
            return .unserved(listing: hasLegacy ? .legacy : .modern)
        }
        return legacyRoute(kind)
    }

    private func legacyRoute(_ kind: Envelope.Kind) -> Route {
        if hasLegacy { return .legacy }
        // S-023: clients of older revisions have no other diagnostic.
        if case .notification = kind { return .ignore }
        return .modernOnly
    }
}
