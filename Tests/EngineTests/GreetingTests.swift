import MCP
import Testing
import Wire

@testable import Engine

/// What the engine says of the server by itself.
@Suite("Greeting")
struct GreetingTests {
    private func greeting(
        _ info: String, _ capabilities: String, discover: String? = nil, _ instructions: String = ""
    ) -> Greeting {
        func with<Result>(_ text: String, _ use: (UnsafeRawBufferPointer) -> Result) -> Result {
            Array(text.utf8).withUnsafeBytes(use)
        }
        return with(info) { info in
            with(capabilities) { capabilities in
                with(instructions) { instructions in
                    guard let discover else {
                        return Greeting(
                            serverInfo: info, capabilities: capabilities,
                            instructions: instructions)
                    }
                    return with(discover) {
                        Greeting(
                            serverInfo: info, capabilities: capabilities,
                            discoverCapabilities: $0, instructions: instructions)
                    }
                }
            }
        }
    }

    private static let discovered =
        #"{"supportedVersions":["2026-07-28"],"capabilities":"#
    private static let cached = #","ttlMs":60000,"cacheScope":"public"}"#

    @Test("Both eras hear the same")
    func same() {
        let greeting = greeting(#"{"name":"s"}"#, #"{"a":{}}"#, "Say \"hi\"\n")
        #expect(
            greeting.result(.june2025).text
                == #"{"protocolVersion":"2025-06-18","capabilities":{"a":{}},"#
                + #""serverInfo":{"name":"s"},"instructions":"Say \"hi\"\n"}"#)
        #expect(
            greeting.discovery(.all).text
                == Self.discovered + #"{"a":{}},"instructions":"Say \"hi\"\n""# + Self.cached)
        #expect(greeting.identity.text == #"{"name":"s"}"#)
    }

    @Test("Each era has capabilities of its own if the host says so")  // D11
    func different() {
        let greeting = greeting("{\"name\":\n\"s\"}", #"{"a":{}}"#, discover: "{\n}")
        #expect(greeting.result(.june2025).text.contains(#""capabilities":{"a":{}}"#))
        #expect(greeting.discovery(.all).text == Self.discovered + "{ }" + Self.cached)
        #expect(greeting.identity.text == #"{"name": "s"}"#)
    }

    @Test(
        "Listeners are told of what the capabilities for discovery promise",
        arguments: [
            ("{}", []), (#"{"tools":{"listChanged":true}}"#, .tools),
            (#"{"tools":{"listChanged":false},"prompts":{"listChanged":true}}"#, .prompts),
            (#"{"resources":{"listChanged":true}}"#, .resources),
            (#"{"resources":{"subscribe":true}}"#, .resource),
            (#"{"resources":{"subscribe":"true","listChanged":1}}"#, []),
            (#"{"tools":true,"listChanged":true,"x":{"listChanged":true}}"#, []),
            (
                #"{"tools":{"listChanged":true},"prompts":{"listChanged":true},"#
                    + #""resources":{"subscribe": true,"listChanged":true }}"#, .all
            ),
        ] as [(String, ChangeKinds)])
    func changes(_ capabilities: String, _ changes: ChangeKinds) {
        #expect(greeting("{}", capabilities).changes == changes)
        #expect(greeting("{}", "{}", discover: capabilities).changes == changes)
        #expect(greeting("{}", capabilities, discover: "{}").changes == [])
    }
}
