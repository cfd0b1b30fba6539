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
        /// A session that the store has is denied to its client.
        case amnesia
        /// A session is served to another principal than its own after a restart.
        case impostor
        /// A client learns twice that the process of its request is gone, or although it was
        /// answered.
        case interruption
        /// Two events have one number, or two streams one id.
        case numbering
        /// A request of a client was executed twice.
        case echo
        /// A session is used by two nodes, and both may.
        case twins
        /// A part of a response is missing, and nobody has said so.
        case hole

        /// Whether it must not happen even if the host's store lies.
        var holdsForLiars: Bool {
            switch self {
            case .filter, .parking, .budget, .invariant, .leftover: true
            case .loss, .duplication, .reordering, .leak, .hang, .misconduct, .amnesia, .impostor,
                .interruption, .numbering, .echo, .twins, .hole:
                false
            }
        }
    }

    package let kind: Kind
    package let text: String
}
