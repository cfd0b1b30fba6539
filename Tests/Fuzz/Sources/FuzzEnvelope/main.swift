import Fuzzing
import Wire

let limits = Limits()

/// Reads a message that `compose` writes. It may nest a little deeper than what a client may send.
func withMessage(_ compose: (ByteBuffer) -> Void, _ check: (Envelope) -> Void) {
    let text = ByteBuffer()
    compose(text)
    var deeper = limits
    deeper.jsonDepth += 2
    guard let envelope = try? Envelope(text.bytes, limits: deeper) else {
        fatalError("what we write is no message: \(Array(text.bytes))")
    }
    withExtendedLifetime(text) { check(envelope) }
}

/// What the transport answers under an id is read again under that id.
func checkAnswers(to id: RequestID, _ json: UnsafeRawBufferPointer) {
    withMessage({ $0.appendResult(id: id, json) }) { answer in
        require(answer.kind == .response(id, isError: false), "a result is \(answer.kind)")
    }
    let message: StaticString = "failed"
    let compose: (ByteBuffer) -> Void = { output in
        output.appendError(id: id, code: -32_603, message: message.rawBytes, data: json)
    }
    withMessage(compose) { answer in
        require(answer.kind == .response(id, isError: true), "an error is \(answer.kind)")
    }
}

/// What the host sends on is read again.
func checkMessages(_ method: UnsafeRawBufferPointer, _ params: UnsafeRawBufferPointer) {
    withMessage({ $0.appendNotification(method: method, params: params) }) { message in
        require(message.kind == .notification, "a notification is \(message.kind)")
        require(message.method.equals(method), "a method is not what it was")
        require((message.params != nil) == (params.count > 0), "params are not what they were")
    }
    withMessage({ $0.appendRequest(id: 7, method: method, params: params) }) { message in
        require(message.kind == .request(.integer(7)), "a request is \(message.kind)")
    }
}

/// Every value of a document is found in it, by its name or its place.
func checkParts(_ value: JSONValue) {
    for element in value.elements { checkParts(element) }
    for name in ["id", "a", "params"] as [StaticString] {
        guard let member = value[name] else { continue }
        require(JSONValue(member.text, depthMax: limits.jsonDepth) != nil, "a member is no JSON")
        checkParts(member)
    }
}

func checkMessage(_ input: UnsafeRawBufferPointer) {
    var id: RequestID?
    do {
        let envelope = try Envelope(input, limits: limits)
        switch envelope.kind {
        case .request(let named), .response(let named, _): id = named
        case .notification: break
        }
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        if envelope.method.count > 0 {
            checkMessages(envelope.method, envelope.params?.text ?? none)
        }
    } catch .notAMessage(let named) {
        id = named
    } catch .malformed {
        fatalError("valid and malformed at once")
    } catch {}
    if let id { checkAnswers(to: id, input) }
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
    text.append(number: value)
    require(JSONValue(text.bytes, depthMax: 0) != nil, "\(value) is no JSON")
    require(Double(String(decoding: text.bytes, as: UTF8.self)) == value, "\(value) is another")
}

fuzz { input in
    let value = JSONValue(input, depthMax: .max)
    // To jansson, a NUL between tokens is the end.
    if value != nil || input.firstIndex(ofByte: 0) == nil {
        require((value != nil) == (JSONTree(input) != nil), "jansson does not agree")
    }
    if let value, let shallow = JSONValue(input, depthMax: limits.jsonDepth) {
        require(shallow.text.equals(value.text), "a value is not what it was")
        checkParts(value)
        checkMessage(input)
    }
    _ = JSONValue.find(input.prefixBytes(8), in: input.dropBytes(8))
    checkText(input)
    checkNumber(Double(bitPattern: input.leadingNumber))
}
