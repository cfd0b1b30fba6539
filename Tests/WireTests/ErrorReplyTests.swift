import Testing
import Wire

@Suite("ErrorReply")
struct ErrorReplyTests {
    private let none = UnsafeRawBufferPointer(start: nil, count: 0)

    @Test("An error carries the id it answers, or null")
    func errors() {  // S-017
        let text: StaticString = "No \"x\""
        #expect(
            ByteBuffer.text {
                $0.appendError(id: .string([0x61]), code: -32600, message: text.rawBytes)
            } == #"{"jsonrpc":"2.0","id":"a","error":{"code":-32600,"message":"No \"x\""}}"#)
        #expect(
            ByteBuffer.text { $0.appendError(id: nil, code: 1, message: none) }
                == #"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}"#)
    }

    @Test("An error's data is JSON of the host's, left as it is")
    func data() {
        let data: StaticString = "{\"a\" :1}"
        let reply = ByteBuffer.text {
            $0.appendError(id: .integer(2), code: 3, message: none, data: data.rawBytes)
        }
        #expect(
            reply == #"{"jsonrpc":"2.0","id":2,"error":{"code":3,"message":"","data":{"a" :1}}}"#)
    }

    @Test("A result carries the host's JSON, left as it is")
    func results() {
        let result: StaticString = " [1 ]"
        #expect(
            ByteBuffer.text { $0.appendResult(id: .integer(-4), result.rawBytes) }
                == #"{"jsonrpc":"2.0","id":-4,"result": [1 ]}"#)
    }

    @Test("Requests and notifications name params only if there are some")
    func messages() {
        let method: StaticString = "a/\"b"
        let params: StaticString = "{}"
        #expect(
            ByteBuffer.text { $0.appendNotification(method: method.rawBytes, params: none) }
                == #"{"jsonrpc":"2.0","method":"a/\"b"}"#)
        #expect(
            ByteBuffer.text {
                $0.appendRequest(id: 12, method: method.rawBytes, params: params.rawBytes)
            } == #"{"jsonrpc":"2.0","id":12,"method":"a/\"b","params":{}}"#)
    }
}
