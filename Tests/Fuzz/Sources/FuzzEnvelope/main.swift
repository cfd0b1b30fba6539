import Fuzzing
import Wire

let limits = Limits()

/// Reads a message that `compose` writes. It may nest a little deeper than what a client may send.
func withMessage(
    _ compose: (ByteBuffer) -> Void, _ check: (JSONDocument, Envelope) -> Void
) {
    let text = ByteBuffer()
    compose(text)
    guard let document = try? JSONDocument(text, depthMax: limits.jsonDepth + 2),
        let envelope = try? Envelope(document.root, limits: limits)
    else { fatalError("what we write is no message: \(Array(text.bytes))") }
    withExtendedLifetime(document) { check(document, envelope) }
}

/// What the transport answers under an id is read again under that id.
func checkAnswers(to id: RequestID, _ json: UnsafeRawBufferPointer) {
    withMessage({ $0.appendResult(id: id, json) }) { _, answer in
        require(answer.kind == .response(id, isError: false), "a result is \(answer.kind)")
    }
    let message: StaticString = "failed"
    let compose: (ByteBuffer) -> Void = { output in
        output.appendError(id: id, code: -32_603, message: message.rawBytes, data: json)
    }
    withMessage(compose) { _, answer in
        require(answer.kind == .response(id, isError: true), "an error is \(answer.kind)")
    }
}

/// What the host sends on is read again.
func checkMessages(_ method: UnsafeRawBufferPointer, _ params: UnsafeRawBufferPointer) {
    withMessage({ $0.appendNotification(method: method, params: params) }) { _, message in
        require(message.kind == .notification, "a notification is \(message.kind)")
        require(message.method.equals(method), "a method is not what it was")
        require((message.params != nil) == (params.count > 0), "params are not what they were")
    }
    withMessage({ $0.appendRequest(id: 7, method: method, params: params) }) { _, message in
        require(message.kind == .request(.integer(7)), "a request is \(message.kind)")
    }
}

func check(_ document: JSONDocument) {
    let compact = document.root.serialized()
    withExtendedLifetime(compact) {
        let isValid = JSONDocument.isValid(compact.bytes, depthMax: limits.jsonDepth)
        require(isValid, "serialized to what is no JSON")
    }
    var id: RequestID?
    do {
        let envelope = try Envelope(document.root, limits: limits)
        switch envelope.kind {
        case .request(let named), .response(let named, _): id = named
        case .notification: break
        }
        if envelope.method.count > 0 {
            let params = envelope.params?.serialized() ?? ByteBuffer()
            withExtendedLifetime(params) { checkMessages(envelope.method, params.bytes) }
        }
    } catch .notAMessage(let named) {
        id = named
    } catch {}
    if let id { checkAnswers(to: id, document.text.bytes) }
}

/// Text that JSON can hold is the same behind our quotation marks.
func checkText(_ text: UnsafeRawBufferPointer) {
    guard JSONDocument.isText(text) else { return }
    let quoted = ByteBuffer()
    quoted.append(jsonString: text)
    guard let document = try? JSONDocument(quoted, depthMax: 0) else {
        fatalError("quoted to what is no JSON: \(Array(quoted.bytes))")
    }
    require(document.root.string?.equals(text) == true, "a text is not what it was")
    withExtendedLifetime(document) {}
}

func checkNumber(_ value: Double) {
    let text = JSONDocument.number(value)
    require((text != nil) == value.isFinite, "\(value) and \(String(describing: text))")
    guard let text else { return }
    withExtendedLifetime(text) {
        require(JSONDocument.isValid(text.bytes, depthMax: 0), "\(value) is no JSON")
    }
}

fuzz { input in
    let document = try? JSONDocument(ByteBuffer(copying: input), depthMax: limits.jsonDepth)
    let isValid = JSONDocument.isValid(input, depthMax: limits.jsonDepth)
    require((document != nil) == isValid, "valid and malformed at once")
    if let document { check(document) }
    checkText(input)
    checkNumber(Double(bitPattern: input.leadingNumber))
}
