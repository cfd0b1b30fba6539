import Testing
import Wire

@testable import Engine

/// What is added to results of modern requests (S-112 to S-114), by both ways: into another buffer,
/// and in place.
@Suite("ResultStamp")
struct ResultStampTests {
    private static let identity = #""io.modelcontextprotocol/serverInfo":{"name":"s"}"#
    private static let meta = #""_meta":{\#(identity)}"#
    private static let type = #""resultType":"complete""#
    private static let hints = #""ttlMs":0,"cacheScope":"private""#

    static let plain: [(String, String)] = [
        ("{}", "{\(type),\(meta)}"), ("{ \t}", "{\(type),\(meta) \t}"),
        (#"{"a":1}"#, #"{\#(type),\#(meta),"a":1}"#),
        (
            #"{ "a" : [1, {"resultType":"x"}] }"#,
            #"{\#(type),\#(meta), "a" : [1, {"resultType":"x"}] }"#
        ),
        (#"{"resultType":"complete"}"#, #"{\#(meta),"resultType":"complete"}"#),
        (#"{"resultType":"task"}"#, #"{\#(meta),"resultType":"task"}"#),
        (#"{"resultType":null}"#, #"{\#(meta),"resultType":null}"#),
        (
            #"{"result\u0054ype" : "complete", "\u005fmeta":{}}"#,
            #"{"result\u0054ype" : "complete", "\u005fmeta":{\#(identity)}}"#
        ),
        (#"{"_meta":{}}"#, #"{\#(type),"_meta":{\#(identity)}}"#),
        (#"{"_meta":{ }}"#, #"{\#(type),"_meta":{\#(identity) }}"#),
        (#"{"_meta" : { "a":1}}"#, #"{\#(type),"_meta" : {\#(identity), "a":1}}"#),
        (
            #"{"a":{"_meta":{}},"_meta":{"b":{}}}"#,
            #"{\#(type),"a":{"_meta":{}},"_meta":{\#(identity),"b":{}}}"#
        ),
        (
            #"{"_meta":{"a":{\#(identity)}}}"#,
            #"{\#(type),"_meta":{\#(identity),"a":{\#(identity)}}}"#
        ),
        (
            #"{"_meta":{"io.modelcontextprotocol/serverInfo":7}}"#,
            #"{\#(type),"_meta":{"io.modelcontextprotocol/serverInfo":7}}"#
        ),
        (
            #"{"_meta":{"io.modelcontextprotocol\/serverInfo":{}}}"#,
            #"{\#(type),"_meta":{"io.modelcontextprotocol\/serverInfo":{}}}"#
        ),
        (#"{"_meta":7}"#, #"{\#(type),"_meta":7}"#),
        // The last of several counts, as with every reader of JSON that takes them at all.
        (#"{"_meta":7,"_meta":{}}"#, #"{\#(type),"_meta":7,"_meta":{\#(identity)}}"#),
        (
            #"{"resultType":1,"resultType":"complete","x":0}"#,
            #"{\#(meta),"resultType":1,"resultType":"complete","x":0}"#
        ),
        (#"{"resultType":"input_required"}"#, #"{"resultType":"input_required"}"#),
        (
            #"{"_meta":{},"resultType":"input_required"}"#,
            #"{"_meta":{},"resultType":"input_required"}"#
        ),
    ]

    static let cacheable: [(String, String)] = [
        ("{}", "{\(type),\(hints),\(meta)}"),
        (#"{"ttlMs":5}"#, #"{\#(type),"cacheScope":"private",\#(meta),"ttlMs":5}"#),
        (#"{"cacheScope":"public"}"#, #"{\#(type),"ttlMs":0,\#(meta),"cacheScope":"public"}"#),
        (
            #"{"cacheScope":1,"ttlMs":1,"_meta":{},"resultType":"complete"}"#,
            #"{"cacheScope":1,"ttlMs":1,"_meta":{\#(identity)},"resultType":"complete"}"#
        ),
        (
            #"{"ttl\u004ds":5,"x":{"cacheScope":1}}"#,
            #"{\#(type),"cacheScope":"private",\#(meta),"ttl\u004ds":5,"x":{"cacheScope":1}}"#
        ),
        (#"{"resultType":"input_required"}"#, #"{"resultType":"input_required"}"#),
        (#"{"resultType":"task"}"#, #"{\#(meta),"resultType":"task"}"#),
        (#"{"resultType":"complete"}"#, #"{\#(hints),\#(meta),"resultType":"complete"}"#),
    ]

    private static var greeting: Greeting {
        Greeting(
            serverInfo: (#"{"name":"s"}"# as StaticString).rawBytes,
            capabilities: ("{}" as StaticString).rawBytes,
            instructions: ("" as StaticString).rawBytes)
    }

    /// The stamped result, if both ways agree; nil if it is no object.
    private func stamped(_ result: String, by stamp: ResultStamp, isCacheable: Bool) -> String? {
        let text = ByteBuffer()
        text.append(Array(result.utf8))
        let output = ByteBuffer(copying: ("before" as StaticString).rawBytes)
        let isObject = stamp.append(text.bytes, isCacheable: isCacheable, to: output)
        #expect(stamp.stamp(text, isCacheable: isCacheable) == isObject)
        if !isObject { #expect(output.text == "before" && text.text == result) }
        #expect(!isObject || output.text == "before" + text.text)
        return isObject ? text.text : nil
    }

    @Test("A result gets what it lacks", arguments: plain)
    func plainResults(_ result: String, _ expected: String) {
        let stamp = ResultStamp(Self.greeting)
        #expect(stamped(result, by: stamp, isCacheable: false) == expected)
    }

    @Test("A result that may be cached gets hints", arguments: cacheable)
    func cacheableResults(_ result: String, _ expected: String) {
        let stamp = ResultStamp(Self.greeting)
        #expect(stamped(result, by: stamp, isCacheable: true) == expected)
    }

    @Test(
        "Without an identity there is none to add",
        arguments: [
            ("{}", "{\(type)}"), (#"{"a":1}"#, #"{\#(type),"a":1}"#),
            (#"{"_meta":{}}"#, #"{\#(type),"_meta":{}}"#),
            (#"{"resultType":"complete"}"#, #"{"resultType":"complete"}"#),
        ])
    func anonymous(_ result: String, _ expected: String) {
        #expect(stamped(result, by: ResultStamp(nil), isCacheable: false) == expected)
    }

    @Test("A result that is no object gets nothing", arguments: ["[]", "7", "null", #""{}""#, ""])
    func others(_ result: String) {
        #expect(stamped(result, by: ResultStamp(Self.greeting), isCacheable: false) == nil)
    }

    @Test("A stamped result stays as it is when it is stamped again", arguments: plain + cacheable)
    func again(_ result: String, _ expected: String) {
        let stamp = ResultStamp(Self.greeting)
        let isCacheable = expected.contains("cacheScope")
        #expect(stamped(expected, by: stamp, isCacheable: isCacheable) == expected)
    }

    @Test("A long result, and a long place of its _meta")
    func long() {
        let filler = String(repeating: "x", count: 100_000)
        let result = #"{"a":"\#(filler)","_meta":{"b":"\#(filler)"},"c":"\#(filler)"}"#
        let expected =
            #"{\#(Self.type),\#(Self.hints),"a":"\#(filler)","_meta":{\#(Self.identity),"#
            + #""b":"\#(filler)"},"c":"\#(filler)"}"#
        let stamp = ResultStamp(Self.greeting)
        #expect(stamped(result, by: stamp, isCacheable: true) == expected)
    }

    @Test(
        "Five methods of the host's have results that may be cached",
        arguments: [
            ("tools/list", true), ("prompts/list", true), ("resources/list", true),
            ("resources/templates/list", true), ("resources/read", true), ("tools/call", false),
            ("prompts/get", false), ("tools/list/", false), ("", false),
        ])
    func methods(_ method: String, _ isCacheable: Bool) {
        var short = ShortText()
        Array(method.utf8).withUnsafeBytes { short.set($0) }
        #expect(ResultStamp.isCacheable(short) == isCacheable)
    }
}
