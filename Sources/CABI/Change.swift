import CStreamableHTTP
import Engine

extension Change {
    /// Nil if a caller's value is none.
    init?(_ change: shttp_change) {
        switch change {
        case SHTTP_CHANGE_TOOLS: self = .tools
        case SHTTP_CHANGE_PROMPTS: self = .prompts
        case SHTTP_CHANGE_RESOURCES: self = .resources
        case SHTTP_CHANGE_RESOURCE: self = .resource
        default: return nil
        }
    }
}
