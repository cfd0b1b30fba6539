import Fuzzing

/// Bytes and what they are read as. A request is written as `describe` writes it.
struct Case {
    var input: [UInt8]
    var limits: OracleLimits
    var requests: [String]
    var head: String?
    var faults: Set<OracleFault> = []
    var isLate = false
    var mayAlsoBe: Set<OracleFault> = []
    var isInside = false
    var line: UInt

    static let limits = OracleLimits(
        messageBytes: 32, headerBytes: 128, headerCount: 4, targetBytes: 32)

    var complaint: String? {
        let reading = readRequests(input, limits: limits)
        let wanted = [
            "requests: \(requests)", "head: \(head ?? "none")", "faults: \(sorted(faults))",
            "later: \(isLate)", "inside: \(isInside)",
        ]
        let told = [
            "requests: \(reading.requests.map(describe))",
            "head: \(reading.head.map(describe) ?? "none")", "faults: \(sorted(reading.faults))",
            "later: \(reading.faultMayBeLater)", "inside: \(reading.isInsideMessage)",
        ]
        var differences = zip(wanted, told).filter { $0 != $1 }.map { "\($1), and not \($0)" }
        // What a faulty message may also be is among the faults.
        if faults.isEmpty && reading.mayAlsoBe != mayAlsoBe {
            differences.append("may also be \(sorted(reading.mayAlsoBe))")
        }
        guard !differences.isEmpty else { return nil }
        let text = String(decoding: input, as: UTF8.self).debugDescription
        return "Cases.swift:\(line): \(text)\n    " + differences.joined(separator: "\n    ")
    }
}

/// All is read, and nothing is left.
func read(
    _ input: String, _ requests: String..., limits: OracleLimits = Case.limits, line: UInt = #line
) -> Case {
    Case(input: octets(input), limits: limits, requests: requests, line: line)
}

/// Something is left, without a fault so far.
func begun(
    _ input: String, after requests: [String] = [], head: String? = nil,
    mayAlsoBe: Set<OracleFault> = [], limits: OracleLimits = Case.limits, line: UInt = #line
) -> Case {
    Case(
        input: octets(input), limits: limits, requests: requests, head: head, mayAlsoBe: mayAlsoBe,
        isInside: true, line: line)
}

func refused(
    _ input: String, as faults: OracleFault..., after requests: [String] = [], head: String? = nil,
    isLate: Bool = false, limits: OracleLimits = Case.limits, line: UInt = #line
) -> Case {
    Case(
        input: octets(input), limits: limits, requests: requests, head: head,
        faults: Set(faults), isLate: isLate, isInside: isLate, line: line)
}

/// A POST with these field lines and this body.
func post(_ lines: String, _ body: String = "") -> String {
    "POST / HTTP/1.1\r\n\(lines)\r\n\r\n\(body)"
}

func chunked(_ body: String) -> String { post("Transfer-Encoding: chunked", body) }

func headerBytes(_ count: Int) -> OracleLimits {
    var limits = Case.limits
    limits.headerBytes = count
    return limits
}

func trailerBytes(_ count: Int) -> OracleLimits {
    var limits = Case.limits
    limits.trailerBytes = count
    return limits
}

/// "METHOD target 1.MINOR keep|close [length=N] [chunked] name=value… 'body' [?fault…]"
func describe(_ request: OracleRequest) -> String {
    func text(_ octets: [UInt8]) -> String { String(decoding: octets, as: UTF8.self) }
    var words = [text(request.method), text(request.target), "1.\(request.minorVersion)"]
    words.append(request.keepsAlive ? "keep" : "close")
    if let length = request.contentLength { words.append("length=\(length)") }
    if request.isChunked { words.append("chunked") }
    words += request.fields.map { "\(text($0.name))=\(text($0.value))" }
    words.append("'\(text(request.body))'")
    words += sorted(request.mayAlsoBe).map { "?" + $0 }
    return words.joined(separator: " ")
}

private func sorted(_ faults: Set<OracleFault>) -> [String] { faults.map { "\($0)" }.sorted() }

/// One octet for each character, so up to U+00FF. (CR LF is one `Character`, and two scalars.)
private func octets(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8($0.value) } }
