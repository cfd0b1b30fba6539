import Fuzzing
import Wire

/// Reads a message that `compose` writes. It may go beyond what a client may send.
private func withMessage(_ compose: (ByteBuffer) -> Void, _ check: (Envelope) -> Void) {
    let text = ByteBuffer()
    compose(text)
    var wider = limits
    wider.jsonDepth += 2
    wider.requestIDBytes = .max
    guard let envelope = try? Envelope(text.bytes, limits: wider) else {
        fatalError("what we write is no message: \(Array(text.bytes))")
    }
    withExtendedLifetime(text) { check(envelope) }
}

/// What is written about a client's message, which is `json`, is read again.
func checkWriting(_ json: UnsafeRawBufferPointer, _ message: Expectation) {
    if let id = message.requestID { checkAnswers(to: id, json) }
    guard message.faults.isEmpty, !message.method.isEmpty else { return }
    let none = UnsafeRawBufferPointer(start: nil, count: 0)
    let params = message.params.map { UnsafeRawBufferPointer(rebasing: json[$0.place]) }
    message.method.withUnsafeBytes { checkMessages($0, params ?? none) }
}

/// What the transport answers under an id is read again under that id.
private func checkAnswers(to id: RequestID, _ json: UnsafeRawBufferPointer) {
    let isResult = { (answer: Envelope) in
        require(answer.kind == .response(id, isError: false), "a result is \(answer.kind)")
    }
    withMessage({ $0.appendResult(id: id, json) }, isResult)
    withMessage({ $0.appendResult(id: id, taking: ByteBuffer(copying: json)) }, isResult)
    let message: StaticString = "failed"
    let compose: (ByteBuffer) -> Void = { output in
        output.appendError(id: id, code: -32_603, message: message.rawBytes, data: json)
    }
    withMessage(compose) { answer in
        require(answer.kind == .response(id, isError: true), "an error is \(answer.kind)")
    }
}

/// What the host sends on is read again.
private func checkMessages(_ method: UnsafeRawBufferPointer, _ params: UnsafeRawBufferPointer) {
    withMessage({ $0.appendNotification(method: method, params: params) }) { message in
        require(message.kind == .notification, "a notification is \(message.kind)")
        require(message.method.equals(method), "a method is not what it was")
        require((message.params != nil) == (params.count > 0), "params are not what they were")
    }
    withMessage({ $0.appendRequest(id: 7, method: method, params: params) }) { message in
        require(message.kind == .request(.integer(7)), "a request is \(message.kind)")
    }
}

/// A value on one line is the same value.
func checkLine(_ value: JSONValue, _ expected: OracleValue) {
    let line = ByteBuffer()
    line.append(jsonLine: value.text)
    let text = Array(line.bytes)
    withExtendedLifetime(line) {}
    require((try? readJSON(text, depth: depthMax)) == expected, "another value on one line")
}

/// Text that JSON can hold is the same behind our quotation marks.
func checkText(_ text: UnsafeRawBufferPointer) {
    guard UTF8Text.isValid(text) else { return }
    let quoted = ByteBuffer()
    quoted.append(jsonString: text)
    guard let value = JSONValue(quoted.bytes, depthMax: 0) else {
        fatalError("quoted to what is no JSON: \(Array(quoted.bytes))")
    }
    let back = value.string ?? ByteBuffer()
    require(back.bytes.equals(text), "a text is not what it was")
    withExtendedLifetime((quoted, back)) {}
}

func checkNumber(_ value: Double) {
    guard value.isFinite else { return }
    let text = ByteBuffer()
    text.append(upTo: JSONTree.numberBytesMax) { $0.put(number: value) }
    require(text.count <= JSONTree.numberBytesMax, "\(value) is long")
    require(JSONValue(text.bytes, depthMax: 0) != nil, "\(value) is no JSON")
    require(Double(String(decoding: text.bytes, as: UTF8.self)) == value, "\(value) is another")
}
