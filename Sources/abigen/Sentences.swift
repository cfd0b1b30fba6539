/// Turns the fields of the model into sentences: the same fact always gets the same words.

extension CType {
    /// The C spelling of the type, without a name.
    var spelling: String {
        switch self {
        case .void: "void"
        case .int: "int"
        case .int32: "int32_t"
        case .int64: "int64_t"
        case .uint16: "uint16_t"
        case .uint32: "uint32_t"
        case .uint64: "uint64_t"
        case .size: "size_t"
        case .double: "double"
        case .text, .characters: "const char *"
        case .textBuffer: "char *"
        case .octets: "const uint8_t *"
        case .address: "void *"
        case .foreign(let name): "struct \(name)"
        case .opaque(let name), .structure(let name), .enumeration(let name), .callback(let name):
            name
        case .pointer(let target): target.declaring("*")
        case .constPointer(let target): "const " + target.declaring("*")
        }
    }

    /// The declaration of `name` with this type.
    func declaring(_ name: String) -> String {
        spelling.last == "*" ? spelling + name : spelling + " " + name
    }
}

extension Parameter {
    var declaration: String { type.declaring(name) }

    /// Whether the callee writes through it.
    fileprivate var isOutput: Bool { name == "out" || name.hasSuffix("_out") }
}

extension Lifetime {
    fileprivate var sentenceEnd: String {
        switch self {
        case .returns: "this returns"
        case .eventEnds: "the event ends"
        case .requestEnds: "the request is answered or ends"
        case .sessionEnds: "the session ends"
        case .unload: "the library is unloaded"
        }
    }
}

extension Thread {
    fileprivate var mark: String {
        switch self {
        case .loopThread: "[loop's\(Prose.fixedSpace)thread]"
        case .anyThread: "[any\(Prose.fixedSpace)thread]"
        case .destroyer: preconditionFailure("Only callbacks have this thread.")
        }
    }
}

extension Version {
    /// When it was added, unless it was there from the beginning.
    var sentences: [String] { self == .first ? [] : ["Since \(self)."] }
}

extension Function {
    /// The documentation, with the thread's mark after its first sentence.
    var markedDoc: String {
        let paragraphs = doc.split(separator: "\n\n", maxSplits: 1)
        let first = paragraphs[0] + " " + thread.mark
        return ([first] + paragraphs.dropFirst().map(String.init) + since.sentences)
            .joined(separator: "\n\n")
    }

    var ownershipSentences: String {
        var sentences = parameterSentences(parameters)
        if case .borrowed(let lifetime) = resultOwnership {
            sentences.append("The result is borrowed: valid until \(lifetime.sentenceEnd).")
        }
        return sentences.joined(separator: " ")
    }

    var statusSentence: String {
        guard !statuses.isEmpty else { return "" }
        let items = statuses.map { status in
            status.name + (status.condition.map { " if \($0)" } ?? "")
        }
        let hasConditions = statuses.dropLast().contains { $0.condition != nil }
        return "Returns " + enumerate(items, hasConditions ? ", or" : " or") + "."
    }
}

extension Structure {
    /// One sentence for all fields, since the fields of an event have the same lifetime.
    var lifetimeSentence: String {
        let lifetimes = fields.compactMap { field -> Lifetime? in
            if case .borrowed(let lifetime) = field.ownership { lifetime } else { nil }
        }
        let borrowed = lifetimes.prefix(1).map {
            "What it points to is borrowed: valid until \($0.sentenceEnd)."
        }
        return (borrowed + since.sentences).joined(separator: "\n\n")
    }
}

extension Callback {
    var ownershipSentences: String {
        (parameterSentences(parameters) + since.sentences).joined(separator: " ")
    }

    var threadSentence: String {
        switch thread {
        case .loopThread:
            """
            Runs on the loop's thread, with no lock held and no update in progress: it may call \
            any function in this header, including shttp_server_destroy().
            """
        case .anyThread: "Runs on any thread."
        case .destroyer:
            """
            Runs on the thread that destroys the server or its loop, or on the loop's thread. It \
            must not destroy the server, nor use one that has been destroyed.
            """
        }
    }
}

private func parameterSentences(_ parameters: [Parameter]) -> [String] {
    var sentences: [String] = []
    let copied = parameters.filter { $0.ownership == .copied }.map { "`\($0.name)`" }
    if !copied.isEmpty {
        let verb = copied.count == 1 ? "is" : "are"
        sentences.append("\(enumerate(copied, " and")) \(verb) copied before this returns.")
    }
    for parameter in parameters {
        let name = parameter.isOutput ? "`*\(parameter.name)`" : "`\(parameter.name)`"
        switch parameter.ownership {
        case .plain, .copied: break
        case .borrowed(let lifetime):
            sentences.append("\(name) is borrowed: valid until \(lifetime.sentenceEnd).")
        case .kept:
            sentences.append("\(name) is stored unchanged and never dereferenced.")
        case .given:
            sentences.append(
                "On success \(name) is owned by the caller. On failure it is unchanged.")
        case .taken:
            sentences.append("\(name) is invalid after this returns. NULL is ignored.")
        }
    }
    return sentences
}

extension EnumCase {
    /// The case's documentation, followed by the fields that it sets.
    var documentation: String {
        let fields = sets.isEmpty ? [] : ["Sets \(enumerate(sets, " and"))."]
        return ([doc] + fields + since.sentences).joined(separator: "\n\n")
    }
}

extension Field {
    /// The field's documentation, followed by its default, unit and ownership.
    var documentation: String {
        var sentences = [doc]
        switch fallback {
        case .none: break
        case .named(let name, nil): sentences.append("Default \(name).")
        case .named(let name, let meaning?): sentences.append("Default \(name): \(meaning).")
        case .milliseconds(let value):
            sentences.append("Milliseconds; default \(value); UINT32_MAX: never.")
        case .bytes(let value): sentences.append("Bytes; default \(value).")
        case .count(let value), .percent(let value), .number(let value):
            sentences.append("Default \(value).")
        case .flag: sentences.append("Default 0.")
        case .text(let value): sentences.append("Default \"\(value)\".")
        }
        switch ownership {
        case .copied: sentences.append("Copied.")
        case .kept: sentences.append("Not copied.")
        case .plain, .borrowed, .given, .taken: break
        }
        sentences += since.sentences
        return sentences.joined(separator: " ")
    }
}
