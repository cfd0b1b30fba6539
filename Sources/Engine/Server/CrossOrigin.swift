import MCP
import Wire

/// The CORS fields of responses to pages from other origins (Fetch standard, CORS protocol; S-515).
package struct CrossOrigin {
    private let origins: AccessList
    private let methods: StaticString

    package init(_ origins: AccessList, isStateless: Bool) {
        self.origins = origins
        methods = isStateless ? "POST" : "GET, POST, DELETE"
    }

    /// The fields that let a page of an admitted origin read the response; nil for any other
    /// request.
    func fields(for head: RequestHead) -> ByteBuffer? {
        guard let origin = head[.origin], head.occurrences(of: .origin) == 1,
            origins.admits(origin)
        else { return nil }
        let fields = ByteBuffer()
        fields.appendField("Access-Control-Allow-Origin", origin)
        fields.put("Access-Control-Expose-Headers: Mcp-Session-Id, WWW-Authenticate\r\n")
        fields.put("Vary: Origin\r\n")
        return fields
    }

    /// Whether a request is a CORS preflight: it asks what a page may send, and nothing else.
    static func isPreflight(_ head: RequestHead) -> Bool {
        let question: StaticString = "access-control-request-method"
        return head.method == .options && HeaderLines.find(question.rawBytes, in: head.lines) != nil
    }

    /// Appends the methods and header fields that a page may send.
    func appendPreflight(_ head: RequestHead, to output: ByteBuffer) {
        output.appendField("Access-Control-Allow-Methods", methods.rawBytes)
        output.put("Access-Control-Allow-Headers: Content-Type, Accept, Authorization, ")
        output.put("MCP-Protocol-Version, Mcp-Session-Id, Last-Event-ID, Mcp-Method, Mcp-Name")
        let question: StaticString = "access-control-request-headers"
        let names = head.list(question)
        withExtendedLifetime(names) {
            names.bytes.forEachPart(separatedBy: 0x2C) { name in
                guard name.count <= 128, name.prefixBytes(10).equalsIgnoringCase("mcp-param-"),
                    name.allSatisfy({ $0.isTokenByte })
                else { return }
                output.put(", ")
                output.append(name)
            }
        }
        output.put("\r\nAccess-Control-Max-Age: 86400\r\n")
    }
}
