import Testing
import Wire

@testable import Engine

/// Which params are those of the same call (S-117).
@Suite("ParamsDigest")
struct ParamsDigestTests {
    private func digest(_ params: String?) throws -> UInt64 {
        guard let params else { return ParamsDigest.digest(nil) }
        return try Array(params.utf8).withUnsafeBytes { bytes in
            let value = try #require(JSONValue(bytes, depthMax: 32))
            return ParamsDigest.digest(value)
        }
    }

    @Test(
        "The order of members, what a retry adds, and escapes of names make no difference",
        arguments: [
            (#"{"a":1,"b":2}"#, #"{ "b":2 , "a":1 }"#),
            (#"{"a":{"x":1,"y":[2]}}"#, #"{"a":{"y":[2],"x":1}}"#),
            (
                #"{"name":"t"}"#,
                #"{"name":"t","requestState":"s","inputResponses":{"1":{}},"_meta":{}}"#
            ),
            (#"{"name":"t"}"#, #"{"n\u0061me":"t","\u005fmeta":{},"request\u0053tate":1}"#),
            (#"{"a":{}}"#, #"{"a":{ }}"#), ("{}", "{ }"), ("{}", #"{"_meta":{"a":1}}"#),
            ("{}", nil), ("[1]", "[2]"),
        ] as [(String, String?)])
    func same(_ left: String, _ right: String?) throws {
        #expect(try digest(left) == digest(right))
    }

    @Test(
        "Everything else makes one",
        arguments: [
            (#"{"a":1}"#, #"{"a":2}"#), (#"{"a":1}"#, #"{"a":"1"}"#), (#"{"a":1}"#, #"{"b":1}"#),
            (#"{"a":1}"#, "{}"), (#"{"a":{}}"#, "{}"), (#"{"a":{}}"#, #"{"a":[]}"#),
            (#"{"a":1,"b":2}"#, #"{"a":2,"b":1}"#), (#"{"a":{"x":1}}"#, #"{"x":{"a":1}}"#),
            (#"{"a":{"x":1},"b":{"y":1}}"#, #"{"a":{"y":1},"b":{"x":1}}"#),
            (#"{"a":{"x":1}}"#, #"{"a":{},"x":1}"#), (#"{"a":[1,2]}"#, #"{"a":[2,1]}"#),
            (#"{"a":1}"#, #"{"a":1,"a":1}"#), (#"{"a":{"x":1}}"#, #"{"a":{"x":1,"x":1}}"#),
            (#"{"a":{"requestState":1}}"#, #"{"a":{"requestState":2}}"#),
            (#"{"a":{"_meta":1}}"#, #"{"a":{}}"#), (#"{"ab":"c"}"#, #"{"a":"bc"}"#),
        ])
    func different(_ left: String, _ right: String) throws {
        #expect(try digest(left) != digest(right))
    }
}
