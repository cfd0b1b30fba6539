/// Something that a run must never do.
package struct Violation: Sendable {
    package enum Kind: String, Sendable {
        /// A promised message never arrived.
        case loss
        case duplication
        case reordering
        /// A message arrived where it does not belong.
        case leak
        /// A listener was told of a change that it has not asked for.
        case filter
        /// A question to a client was answered twice, or a request waits for its client for ever.
        case parking
        /// A request that nobody answers.
        case hang
        /// A response, an event or a callback that the protocol does not allow here.
        case misconduct
        /// Something exceeded its limit, or is counted wrong.
        case budget
        /// Objects of the engine do not agree.
        case invariant
        /// Something is left after all clients have left.
        case leftover

        /// Whether it must not happen even if the host's store lies.
        var holdsForLiars: Bool {
            switch self {
            case .filter, .parking, .budget, .invariant, .leftover: true
            case .loss, .duplication, .reordering, .leak, .hang, .misconduct: false
            }
        }
    }

    package let kind: Kind
    package let text: String
}
