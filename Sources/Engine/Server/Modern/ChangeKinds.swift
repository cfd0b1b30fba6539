import MCP
import Wire

/// What a host may publish.
package enum Change: Sendable {
    case tools
    case prompts
    case resources
    /// One resource, which has a URI.
    case resource

    /// Its number, between nodes.
    var number: UInt8 {
        switch self {
        case .tools: 0
        case .prompts: 1
        case .resources: 2
        case .resource: 3
        }
    }

    init?(number: UInt8) {
        switch number {
        case 0: self = .tools
        case 1: self = .prompts
        case 2: self = .resources
        case 3: self = .resource
        default: return nil
        }
    }

    var method: StaticString {
        switch self {
        case .tools: Method.toolsChanged
        case .prompts: Method.promptsChanged
        case .resources: Method.resourcesChanged
        case .resource: Method.resourceUpdated
        }
    }
}

/// Kinds of changes.
struct ChangeKinds: OptionSet, Sendable {
    let rawValue: UInt8

    static var tools: ChangeKinds { ChangeKinds(rawValue: 1) }
    static var prompts: ChangeKinds { ChangeKinds(rawValue: 2) }
    static var resources: ChangeKinds { ChangeKinds(rawValue: 4) }
    static var resource: ChangeKinds { ChangeKinds(rawValue: 8) }
    static var all: ChangeKinds { ChangeKinds(rawValue: 15) }

    init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    init(_ change: Change) {
        self =
            switch change {
            case .tools: .tools
            case .prompts: .prompts
            case .resources: .resources
            case .resource: .resource
            }
    }

    /// What capabilities, a JSON object, promise.
    init(capabilities: UnsafeRawBufferPointer) {
        func has(_ group: StaticString, _ name: StaticString) -> Bool {
            JSONValue(capabilities, depthMax: .max)?[group]?[name]?.text.equals("true") == true
        }
        var kinds: ChangeKinds = []
        if has("tools", "listChanged") { kinds.insert(.tools) }
        if has("prompts", "listChanged") { kinds.insert(.prompts) }
        if has("resources", "listChanged") { kinds.insert(.resources) }
        if has("resources", "subscribe") { kinds.insert(.resource) }
        self = kinds
    }

    /// Their members in the filter of `subscriptions/listen`.
    static var named: [(ChangeKinds, StaticString)] {
        [
            (.tools, "toolsListChanged"), (.prompts, "promptsListChanged"),
            (.resources, "resourcesListChanged"),
        ]
    }
}
