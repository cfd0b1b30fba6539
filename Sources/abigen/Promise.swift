/// One statement about the ABI that a program may rely on.
struct Fact {
    /// What it is about, such as `field shttp_event.session`.
    let name: String
    let value: String
    /// When it was added; nil if that is not recorded.
    var since: Version?
    /// Of a field: its struct, and its offset.
    var place: (structure: String, offset: Int)?

    var line: String { "\(name): \(value)" }

    /// The name of the fact about a struct's size.
    static func size(of structure: String) -> String { "struct " + structure }
}

/// The facts that a released version has promised. A later table must keep them.
struct Promise {
    let version: Version
    private let lines: [Substring]
    static let directory = "Sources/abigen/Promised"
    private static let atLeast = "at least "

    /// The promise in a file's text; nil if the file is not named for a version.
    init?(file: String, text: String) {
        guard let version = Version(file) else { return nil }
        self.version = version
        lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    }

    /// The file for the table's own version.
    static func write(_ table: Table) -> GeneratedFile {
        GeneratedFile(
            path: "\(directory)/\(table.version).txt",
            text: """
                # The ABI of \(table.version), written by abigen --promise. It is a promise: do not edit
                # this file, and do not write it again after the release. See docs/ABI.md.
                \(facts(of: table).map(\.line).joined(separator: "\n"))

                """)
    }

    /// What the table does not keep; one line for each fact.
    func broken(by table: Table) -> [String] {
        let facts = Promise.facts(of: table)
        let current = Dictionary(facts.map { ($0.name, $0) }) { first, _ in first }
        var promised: [String: String] = [:]
        var faults: [String] = []
        for line in lines {
            guard let colon = line.firstRange(of: ": ") else {
                faults.append("not a fact: \(line)")
                continue
            }
            let name = String(line[..<colon.lowerBound])
            let value = String(line[colon.upperBound...])
            promised[name] = value
            guard let fact = current[name] else {
                faults.append("\(name) is gone; promised: \(value)")
                continue
            }
            if !keeps(fact.value, value) {
                faults.append("\(name) has changed; promised: \(value); now: \(fact.value)")
            }
            if let since = fact.since, since > version {
                faults.append("\(name) says since \(since), but \(version) has it")
            }
        }
        let new = facts.filter { promised[$0.name] == nil }
        return faults + new.compactMap { fault(new: $0, promised) }
    }

    private func keeps(_ now: String, _ promised: String) -> Bool {
        guard let least = size(promised), let size = size(now) else { return now == promised }
        return size >= least
    }

    /// What is wrong with something that was not promised; nil if nothing is.
    private func fault(new fact: Fact, _ promised: [String: String]) -> String? {
        if let since = fact.since, since <= version {
            return "\(fact.name) is new, and needs a since newer than \(version)"
        }
        if let place = fact.place, let value = promised[Fact.size(of: place.structure)] {
            guard let size = size(value) else {
                return "\(fact.name) is new in a struct of fixed size"
            }
            guard place.offset < size else { return nil }
            return "\(fact.name) is new, but lies within the \(size) bytes that programs know"
        }
        return nil
    }

    /// The size of a struct that may grow.
    private func size(_ value: String) -> Int? {
        guard value.hasPrefix(Promise.atLeast) else { return nil }
        return Int(value.dropFirst(Promise.atLeast.count).prefix { $0.isNumber })
    }

    // MARK: The facts of a table

    private static func facts(of table: Table) -> [Fact] {
        table.declarations.flatMap { declaration -> [Fact] in
            switch declaration {
            case .section: return []
            case .headerOnly(_, let body):
                return [Fact(name: "macro \(headerOnlyName(body))", value: "is defined")]
            case .constants(let constants, _):
                return constants.filter { !$0.name.hasPrefix("SHTTP_VERSION_") }.map {
                    Fact(name: "constant \($0.name)", value: String($0.value))
                }
            case .opaque(let name, _): return [Fact(name: "type \(name)", value: "opaque")]
            case .enumeration(let enumeration): return facts(of: enumeration)
            case .structure(let structure): return facts(of: structure, in: table)
            case .callback(let callback):
                return [
                    Fact(
                        name: "callback \(callback.name)", value: callback.prototype,
                        since: callback.since)
                ]
            case .function(let function): return facts(of: function)
            }
        } + table.twins.flatMap { facts(of: $0.function) }
    }

    private static func facts(of enumeration: Enumeration) -> [Fact] {
        enumeration.cases.flatMap { element in
            [
                Fact(
                    name: "case \(enumeration.name).\(element.name)", value: String(element.value),
                    since: element.since)
            ]
                + element.sets.map { Fact(name: "event \(element.name).\($0)", value: "is set") }
        }
    }

    private static func facts(of structure: Structure, in table: Table) -> [Fact] {
        let layout = table.layout(of: structure)
        let atLeast = table.grows(structure) ? Promise.atLeast : ""
        let size = Fact(
            name: Fact.size(of: structure.name), value: "\(atLeast)\(layout.size) bytes",
            since: structure.since)
        return [size]
            + zip(structure.fields, layout.offsets).map { field, offset in
                Fact(
                    name: "field \(structure.name).\(field.name)",
                    value: "\(field.type.spelling) at \(offset)", since: field.since,
                    place: (structure.name, offset))
            }
    }

    /// A function that may be called on any thread must stay so.
    private static func facts(of function: Function) -> [Fact] {
        let thread = Fact(name: "thread \(function.name)", value: "any")
        return [
            Fact(
                name: "function \(function.name)", value: function.prototype, since: function.since)
        ] + (function.thread == .anyThread ? [thread] : [])
    }
}

extension Version {
    /// The version in a file's name, such as "0.1.0.txt".
    fileprivate init?(_ file: String) {
        let parts = file.split(separator: ".")
        guard parts.count == 4, parts[0] == "0", parts[3] == "txt", let minor = Int(parts[1]),
            let patch = Int(parts[2])
        else { return nil }
        self.init(minor: minor, patch: patch)
    }
}
