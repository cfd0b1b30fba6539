import CLibc
import Fuzzing

/// What must hold of any bytes, however little of them has come.
func checkBeginnings(of bytes: [UInt8], limits: OracleLimits) -> String? {
    let whole = readRequests(bytes, limits: limits)
    for count in 0..<bytes.count {
        let part = readRequests(Array(bytes[..<count]), limits: limits)
        let isSame = part.requests.count == whole.requests.count
        func fails(_ what: String) -> String {
            let text = String(decoding: bytes, as: UTF8.self).debugDescription
            return "\(text), the first \(count) bytes: \(what)"
        }
        guard whole.requests.starts(with: part.requests) else { return fails("other requests") }
        if let head = part.head {
            let later = isSame ? whole.head : whole.requests[part.requests.count]
            guard let later, later.fields == head.fields, later.target == head.target else {
                return fails("another head")
            }
        }
        if part.faults.isEmpty {
            guard !part.faultMayBeLater else { return fails("late, and no fault") }
        } else if part.faultMayBeLater {
            guard isSame, !whole.faults.isDisjoint(with: part.faults) else {
                return fails("no such fault later")
            }
        } else {
            guard isSame, whole.faults == part.faults, !whole.faultMayBeLater else {
                return fails("another fault later")
            }
        }
    }
    return nil
}

/// What ends at a message's end leaves no trace in what follows.
func checkSequence(_ first: Case, _ second: Case) -> String? {
    guard first.faults.isEmpty, !first.isInside, first.input.last != 0x0D else { return nil }
    let alone = readRequests(second.input, limits: first.limits)
    let both = readRequests(first.input + second.input, limits: first.limits)
    var joined = alone
    joined.requests = readRequests(first.input, limits: first.limits).requests + alone.requests
    guard both != joined else { return nil }
    return "Cases.swift:\(second.line) is read otherwise after Cases.swift:\(first.line)"
}

/// The input with some bytes taken out, doubled, or replaced.
func change(_ input: [UInt8], with random: inout Random) -> [UInt8] {
    var bytes = input
    for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
        let index = bytes.indices.randomElement(using: &random)!
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes.remove(at: index)
        case 1: bytes.insert(bytes[index], at: index)
        default: bytes[index] = Array("\r\n\0 \t:;,0aA\u{7F}".utf8).randomElement(using: &random)!
        }
    }
    return bytes
}

/// The same numbers each time.
struct Random: RandomNumberGenerator {
    private var state: UInt64 = 1

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state << 32 | state >> 32
    }
}

var complaints = cases.compactMap(\.complaint)
var random = Random()
for one in cases {
    if let complaint = checkBeginnings(of: one.input, limits: one.limits) {
        complaints.append(complaint)
    }
    for _ in 0..<20 {
        let changed = change(one.input, with: &random)
        if let complaint = checkBeginnings(of: changed, limits: one.limits) {
            complaints.append(complaint)
        }
    }
    complaints += cases.compactMap { checkSequence(one, $0) }
}
for complaint in complaints.prefix(20) { print(complaint) }
if !complaints.isEmpty {
    print("The oracle of HTTP requests: \(complaints.count) failures")
    exit(1)
}
print("The oracle of HTTP requests: \(cases.count) cases")
