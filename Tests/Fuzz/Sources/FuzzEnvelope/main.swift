import Fuzzing
import MCP
import Wire

/// So small that a fuzzer comes to them.
let limits: Limits = {
    var limits = Limits()
    limits.jsonDepth = 8
    limits.requestIDBytes = 24
    return limits
}()

/// Of jansson, and so of the library.
let depthMax = 2048

// MARK: What is read

/// The outside of a message is what the RFCs make of it, or one of the faults that there are.
func checkEnvelope(_ input: UnsafeRawBufferPointer) {
    let text = Array(input)
    do {
        let root = try readJSON(text, depth: limits.jsonDepth)
        let expected = Expectation(root, limits: limits)
        do {
            let envelope = try Envelope(input, limits: limits, noting: MetaKey.meta)
            compare(envelope, expected, text)
        } catch {
            require(expected.faults.contains(error), "\(error) is none of \(expected.faults)")
        }
        if let id = expected.requestID { checkSalvage(of: id, from: text, root) }
    } catch {
        checkUnreadable(input, isTooDeep: error == .tooDeep)
    }
}

private func compare(_ envelope: Envelope, _ expected: Expectation, _ text: [UInt8]) {
    func isSame(_ value: JSONValue?, _ part: OracleValue?) -> Bool {
        guard let value, let part else { return value == nil && part == nil }
        return value.text.elementsEqual(text[part.place])
    }
    require(expected.faults.isEmpty, "taken in spite of \(expected.faults)")
    require(envelope.kind == expected.kind, "\(envelope.kind) is not \(expected.kind)")
    require(envelope.method.elementsEqual(expected.method), "another method")
    require(isSame(envelope.params, expected.params), "other params")
    require(isSame(envelope.id, expected.id), "another id")
    let meta = RequestMeta(of: envelope)
    require(isSame(meta.progressToken, expected.progressToken), "another progress token")
    let length = expected.progressToken?.place.count ?? 0
    require(meta.isWithin(limits) == (length <= limits.requestIDBytes), "too long or not")
}

/// Says why a text is no JSON, and for whom that is.
private func checkUnreadable(_ input: UnsafeRawBufferPointer, isTooDeep: Bool) {
    let isUTF8 = String(validating: input, as: UTF8.self) != nil
    do {
        _ = try Envelope(input, limits: limits)
        require(false, "taken, and no JSON")
    } catch {
        switch error {
        case .notUTF8(let id) where !isUTF8: requireNamed(id, in: Array(input))
        case .tooDeep(let id) where isUTF8 && isTooDeep: requireNamed(id, in: Array(input))
        case .notJSON(let id) where isUTF8 && !isTooDeep: requireNamed(id, in: Array(input))
        default: require(false, "\(error), UTF-8: \(isUTF8), too deep: \(isTooDeep)")
        }
    }
}

/// An id that is told stands somewhere behind its name.
private func requireNamed(_ id: RequestID?, in text: [UInt8]) {
    guard let id else { return }
    let name = Array("\"id\"".utf8)
    let isThere = text.indices.contains { start in
        guard text[start...].starts(with: name) else { return false }
        let rest = text[(start + name.count)...].drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
        guard rest.first == UInt8(ascii: ":"), let value = readJSONPrefix(Array(rest.dropFirst()))
        else { return false }
        return Expectation.requestID(value) == id
    }
    require(isThere, "\(id) is not there")
}

/// Whatever is wrong with a message, its sender learns which it was.
func checkSalvage(of id: RequestID, from text: [UInt8], _ root: OracleValue) {
    // An id that is there twice, or written with escapes, may be missed.
    let plain = Array("\"id\"".utf8)
    let names = root.members.filter { $0.name.elementsEqual("id".utf16) }
    let count = text.indices.count { text[$0...].starts(with: plain) }
    guard names.count == 1, count == 1 else { return }
    func requireFault(_ fault: Envelope.Fault, _ members: [UInt8], end: String = "}") {
        let broken = text[root.place].dropLast() + members + end.utf8
        broken.withUnsafeBytes { bytes in
            do throws(Envelope.Fault) {
                _ = try Envelope(bytes, limits: limits)
                require(false, "taken in spite of \(fault)")
            } catch {
                require(error == fault, "\(error) is not \(fault)")
            }
        }
    }
    requireFault(.notJSON(id), [], end: "")
    requireFault(.notJSON(id), [], end: "}}")
    requireFault(.notJSON(id), Array(",\"a\":\"\\x\"".utf8))
    requireFault(.notUTF8(id), Array(",\"a\":\"".utf8) + [0xED, 0xA0, 0x80, 0x22])
    let deep =
        String(repeating: "[", count: limits.jsonDepth)
        + String(repeating: "]", count: limits.jsonDepth)
    requireFault(.tooDeep(id), Array(",\"a\":\(deep)".utf8))
}

/// The parts of a value are those that are there, whoever asks for them, and however.
func checkParts(_ value: JSONValue, _ expected: OracleValue, _ text: [UInt8], depth: Int = 4) {
    require(value.text.elementsEqual(text[expected.place]), "another value")
    require(value.isObject == expected.isObject, "an object or not")
    require(value.isInteger == expected.isInteger, "an integer or not")
    require(value.isNull == (expected.content == .null), "null or not")
    let string = value.string.map { string in
        withExtendedLifetime(string) { Array(string.bytes) }
    }
    require(string == expected.string?.generalizedUTF8, "another string")
    guard depth > 0 else { return }
    let elements = value.elements
    require(elements.count == expected.elements.count, "other elements")
    for (place, element) in elements.enumerated() {
        checkParts(element, expected.elements[place], text, depth: depth - 1)
        checkPointer("\(place)".utf16, value, element)
    }
    for member in expected.members {
        let name = member.name.generalizedUTF8
        guard let found = name.withUnsafeBytes({ value[$0] }),
            let last = expected.members.last(where: { $0.name == member.name })
        else { fatalError("a member is not found") }
        checkParts(found, last.value, text, depth: depth - 1)
        checkPointer(member.name, value, found)
    }
}

/// A pointer of one token (RFC 6901) leads to the part that it names.
private func checkPointer(_ name: some Sequence<UInt16>, _ value: JSONValue, _ part: JSONValue) {
    var pointer: [UInt16] = Array("/".utf16)
    for unit in name {
        switch unit {
        case 0x7E: pointer += "~0".utf16
        case 0x2F: pointer += "~1".utf16
        default: pointer.append(unit)
        }
    }
    let found = pointer.generalizedUTF8.withUnsafeBytes { JSONValue.find($0, in: value.text) }
    require(
        found?.text.baseAddress == part.text.baseAddress && found?.text.count == part.text.count,
        "a pointer leads elsewhere")
}

// MARK: The fuzzer

fuzz { input in
    let text = Array(input)
    let expected = try? readJSON(text, depth: depthMax)
    let value = JSONValue(input, depthMax: .max)
    require((value == nil) == (expected == nil), "JSON or not")
    compareWithJansson(input, expected)
    if let value, let expected {
        checkParts(value, expected, text)
        checkLine(value, expected)
        if let shallow = try? readJSON(text, depth: limits.jsonDepth) {
            checkWriting(input, Expectation(shallow, limits: limits))
        }
    }
    checkEnvelope(input)
    _ = JSONValue.find(input.prefixBytes(8), in: input.dropBytes(8))
    checkText(input)
    checkNumber(Double(bitPattern: input.leadingNumber))
}
