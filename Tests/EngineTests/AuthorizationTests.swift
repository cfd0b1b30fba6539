import Link
import Testing
import Wire

@testable import Engine

/// The valid values of the authorization options, and their effects.
@Suite("Authorization")
struct AuthorizationTests {
    private func bytes<Result>(
        _ text: String, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        Array(text.utf8).withUnsafeBytes(body)
    }

    private func owner(of token: String, in list: String) -> String? {
        let tokens = bytes(list) { try? BearerTokens($0) }
        return bytes(token) { tokens?.principal(of: $0)?.name.text }
    }

    @Test("Each token stands for its principal, or for one of its own")
    func principals() {
        let list = "alice:aaaa, bbbb ,alice:cc-._~+/d==,https"
        #expect(owner(of: "aaaa", in: list) == "alice")
        #expect(owner(of: "bbbb", in: list) == "token-2")
        #expect(owner(of: "cc-._~+/d==", in: list) == "alice")
        #expect(owner(of: "https", in: list) == "token-4")
        for stranger in ["", "aaa", "aaaab", "aaab", "alice", "alice:aaaa", "bbbb,", " bbbb"] {
            #expect(owner(of: stranger, in: list) == nil, "\(stranger)")
        }
    }

    @Test(
        "A list with a token that could never be sent is no list",
        arguments: [
            "", ",", "a,", ":a", "alice:", "a:b:c", "a b", "=", "a=b", "a,a", "x:a,y:a", "tök",
            "a\u{0}",
            String(repeating: "n", count: Principal.bytesMax + 1) + ":a",
        ])
    func badTokens(_ list: String) {
        #expect(bytes(list) { (try? BearerTokens($0)) == nil })
    }

    @Test(
        "The metadata's URL is derived from the resource",
        arguments: [  // A-011
            ("https://h/public/mcp", "https://h/.well-known/oauth-protected-resource/public/mcp"),
            ("https://h", "https://h/.well-known/oauth-protected-resource"),
            ("https://h/", "https://h/.well-known/oauth-protected-resource"),
            ("https://h/mcp/", "https://h/.well-known/oauth-protected-resource/mcp/"),
            ("https://h/mcp?a=b/c", "https://h/.well-known/oauth-protected-resource/mcp?a=b/c"),
            ("https://h?a", "https://h/.well-known/oauth-protected-resource?a"),
            ("http://[::1]:80/@x", "http://[::1]:80/.well-known/oauth-protected-resource/@x"),
            ("HTTPS://H:443/mcp", "HTTPS://H:443/.well-known/oauth-protected-resource/mcp"),
        ])
    func metadataPlace(_ resource: String, _ url: String) {
        #expect(ResourceMetadata(literal: resource).url.text == url)
    }

    @Test(
        "Metadata that a client could not use is refused",
        arguments: [
            "", "[]", "{}", "{", #"{"resource":"https://h/mcp"}"#,
            #"{"resource":"https://h/mcp","authorization_servers":[]}"#,
            #"{"resource":"https://h/mcp","authorization_servers":"https://a"}"#,
            #"{"resource":"https://h/mcp","authorization_servers":["https://a",1]}"#,
            #"{"resource":"https://h/mcp","authorization_servers":["a"]}"#,
            #"{"authorization_servers":["https://a"]}"#,
        ])
    func badMetadata(_ json: String) {
        #expect(bytes(json) { ResourceMetadata($0, depthMax: 8) == nil })
    }

    @Test(
        "A resource is an absolute http or https URL without a fragment",
        arguments: [
            "", "/mcp", "h/mcp", "ftp://h/mcp", "https:", "https://", "https:///mcp", "https:/h",
            "https://h#f", "https://h/a b", "https://h/é", #"https://h/\""#, "https://u@h/mcp",
            "https://h:x/", "https://h\\r\\nX: y",
        ])
    func badResource(_ url: String) {
        let json = #"{"resource":"\#(url)","authorization_servers":["https://a"]}"#
        #expect(bytes(json) { ResourceMetadata($0, depthMax: 8) == nil })
    }

    @Test(
        "A challenge accepts only text that a header can contain",
        arguments: [  // A-008, S-019
            ("", "", true), ("a", "b", true), ("a b:c/d", "x \"y\" \\z", true),
            (" a", "", false), ("a ", "", false), ("a  b", "", false), ("a\"b", "", false),
            ("a\\b", "", false), ("a\tb", "", false), ("a\r\nX: y", "", false), ("é", "", false),
            ("", "a\r\nX: y", false), ("", "a\u{0}", false), ("", "é", false),
            ("", "\u{7F}", false),
            (String(repeating: "s", count: 2048), String(repeating: "d", count: 2048), true),
            (String(repeating: "s", count: 2049), "", false),
            ("", String(repeating: "d", count: 2049), false),
        ])
    func challenges(_ scope: String, _ description: String, _ isUsable: Bool) {
        let challenge = bytes(scope) { scope in
            bytes(description) { Challenge(.invalidToken, scope: scope, description: $0) }
        }
        #expect((challenge != nil) == isUsable)
    }

    @Test("A token of the operator's is shown to nobody")
    func redaction() throws {  // A-014
        var options = ServerOptions()
        options.authorization = bytes("s3cret") { .tokens(try! BearerTokens($0)) }
        options.isStateless = true
        let engine = ServerEngine(options) { 1 }
        let connection = engine.connectionOpened(driver: UnsafeMutableRawPointer(bitPattern: 1)!)!
        let body = #"{"jsonrpc":"2.0","id":1,"method":"x"}"#
        let lines = [
            "POST /mcp HTTP/1.1", "Host: localhost", "X-Before: 1", "Authorization: Bearer s3cret",
            "Content-Type: application/json", "Content-Length: \(body.utf8.count)", "X-After: 2",
        ]
        bytes(lines.joined(separator: "\r\n") + "\r\n\r\n" + body) {
            engine.received($0, on: connection)
        }
        guard case .deliver(let event) = engine.nextEffect() else {
            Issue.record("no event")
            return
        }
        #expect(event.principal?.name.text == "token-1")
        let head = try #require(event.head)
        let shown =
            ["host: localhost", "x-before: 1"]
            + [
                "content-type: application/json", "content-length: \(body.utf8.count)",
                "x-after: 2",
            ]
        #expect(head.lines.text == shown.map { $0 + "\r\n" }.joined())
        #expect(head[.authorization] == nil && head.occurrences(of: .authorization) == 0)
        #expect(head[.host]?.text == "localhost")
        #expect(head[.contentType]?.text == "application/json")
    }
}
