/// What a run did that it must never do.
package struct Violation: Sendable {
    package enum Kind: String, Sendable {
        /// A message that was promised never came.
        case loss
        case duplication
        case reordering
        /// A message came where it does not belong.
        case leak
        /// A request that nobody answers.
        case hang
        /// A response, an event or a callback that the protocol does not allow here.
        case misconduct
        /// Something grew beyond its bound, or is not counted right.
        case budget
        /// Objects of the engine do not agree.
        case invariant
        /// Something is left when everybody is gone.
        case leftover

        /// Whether it must not happen whatever a host's store says.
        var holdsForLiars: Bool {
            switch self {
            case .budget, .invariant, .leftover: true
            case .loss, .duplication, .reordering, .leak, .hang, .misconduct: false
            }
        }
    }

    package let kind: Kind
    package let text: String
}
