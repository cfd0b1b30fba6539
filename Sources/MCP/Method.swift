/// The methods of MCP that the transport reads or writes itself. All others are the host's.
package enum Method {
    @inline(__always) package static var initialize: StaticString { "initialize" }
    @inline(__always) package static var ping: StaticString { "ping" }

    @inline(__always) package static var initialized: StaticString { "notifications/initialized" }
    @inline(__always) package static var cancelled: StaticString { "notifications/cancelled" }
    /// A log message.
    @inline(__always) package static var message: StaticString { "notifications/message" }

    // Of modern revisions.
    @inline(__always) package static var discover: StaticString { "server/discover" }
    @inline(__always) package static var listen: StaticString { "subscriptions/listen" }
    @inline(__always) package static var acknowledged: StaticString {
        "notifications/subscriptions/acknowledged"
    }

    @inline(__always) package static var callTool: StaticString { "tools/call" }
    @inline(__always) package static var getPrompt: StaticString { "prompts/get" }
    @inline(__always) package static var readResource: StaticString { "resources/read" }

    // What a server may ask a client for.
    @inline(__always) package static var elicit: StaticString { "elicitation/create" }
    @inline(__always) package static var sample: StaticString { "sampling/createMessage" }
    @inline(__always) package static var listRoots: StaticString { "roots/list" }

    // Changes.
    @inline(__always) package static var toolsChanged: StaticString {
        "notifications/tools/list_changed"
    }
    @inline(__always) package static var promptsChanged: StaticString {
        "notifications/prompts/list_changed"
    }
    @inline(__always) package static var resourcesChanged: StaticString {
        "notifications/resources/list_changed"
    }
    @inline(__always) package static var resourceUpdated: StaticString {
        "notifications/resources/updated"
    }

    @inline(__always) package static var subscribe: StaticString { "resources/subscribe" }
    @inline(__always) package static var unsubscribe: StaticString { "resources/unsubscribe" }
    @inline(__always) package static var setLogLevel: StaticString { "logging/setLevel" }
}
