/// Writes one manual page for each function, type and macro, and one for the whole library.
struct ManualWriter {
    private let table: Table
    private let names: Set<String>
    static let directory = "docs/man"

    static func write(_ table: Table) -> [GeneratedFile] {
        let writer = ManualWriter(table: table, names: table.names)
        let twins = table.twins.map {
            ManualWriter.file($0.function.name, ".so man3/\($0.original.name).3\n")
        }
        return [writer.overview()] + table.declarations.compactMap(writer.page) + twins
    }

    private static func file(_ name: String, _ text: String) -> GeneratedFile {
        GeneratedFile(path: "\(directory)/\(name).3", text: text)
    }

    // MARK: Pages

    private func page(_ declaration: Declaration) -> GeneratedFile? {
        switch declaration {
        case .section, .constants: nil
        case .opaque(let name, let doc):
            page([name], doc) { $0.synopsis(["typedef struct \(name) \(name);"]) }
        case .enumeration(let enumeration): page(enumeration)
        case .structure(let structure): page(structure)
        case .callback(let callback):
            page(
                [callback.name], callback.doc, also: callback.ownershipSentences,
                code: callback.prototype
            ) {
                $0.synopsis([callback.prototype + ";"], parameters: callback.parameters)
            } end: {
                $0.section("THREADS", callback.threadSentence)
            }
        case .function(let function): page(function)
        case .headerOnly(let doc, let body):
            page([headerOnlyName(body)], doc) {
                $0.synopsis(body.split(separator: "\n").map(String.init))
            }
        }
    }

    private func page(_ enumeration: Enumeration) -> GeneratedFile {
        let lines = enumeration.cases.map { "    \($0.name) = \($0.value)," }
        let code =
            ["typedef enum \(enumeration.name) {"] + lines + ["} \(enumeration.name);"]
        return page([enumeration.name], enumeration.doc) {
            $0.synopsis(code)
        } end: { page in
            page.line(".SH VALUES")
            for element in enumeration.cases { page.item(element.name, element.documentation) }
        }
    }

    private func page(_ structure: Structure) -> GeneratedFile {
        let lines = structure.fields.map { "    \($0.type.declaring($0.name));" }
        let code = ["typedef struct \(structure.name) {"] + lines + ["} \(structure.name);"]
        return page(
            [structure.name], structure.doc, also: structure.lifetimeSentence,
            code: lines.joined(separator: "\n")
        ) {
            $0.synopsis(code)
        } end: { page in
            page.line(".SH FIELDS")
            for field in structure.fields { page.item(field.name, field.documentation) }
        }
    }

    private func page(_ function: Function) -> GeneratedFile {
        let twin = table.twins.first { $0.original.name == function.name }?.function
        let all = [function] + (twin.map { [$0] } ?? [])
        return page(
            all.map(\.name), function.doc, also: function.ownershipSentences,
            code: function.parameters.map(\.type.spelling).joined(separator: "\n")
        ) { page in
            for function in all {
                page.synopsis(function.synopsis(width: 76), parameters: function.parameters)
            }
        } end: { page in
            if twin != nil {
                page.section(
                    "SCALAR FORM",
                    """
                    The second form is for languages that cannot pass a struct by value: bytes are \
                    a pointer and a length, and a session, request, call, authorization, \
                    exchange or load is its key.
                    """)
            }
            if !function.statuses.isEmpty {
                page.line(".SH RETURN VALUE")
                for status in function.statuses { page.item(status.name, status.meaning) }
            }
            page.section("THREADS", function.threadSentence)
            page.section("HISTORY", "Since \(function.since).")
        }
    }

    private func overview() -> GeneratedFile {
        var page = ManualPage(name: "streamablehttp", version: table.version, isKnown: isKnown)
        let parts = table.page.split(separator: "\n\n", maxSplits: 1)
        let title = parts[0].split(separator: " - ", maxSplits: 1)[1].drop { $0 == " " }
        page.name(["streamablehttp"], String(title))
        page.synopsis([])
        page.section("DESCRIPTION", String(parts[1]))
        page.line(".SH FUNCTIONS AND TYPES")
        for declaration in table.declarations {
            switch declaration {
            case .section(let title, _):
                page.line(".SS \(ManualPage.escaped(title))")
            case .function(let function): page.entry(function.name, function.doc)
            case .structure(let structure): page.entry(structure.name, structure.doc)
            case .enumeration(let enumeration): page.entry(enumeration.name, enumeration.doc)
            case .callback(let callback): page.entry(callback.name, callback.doc)
            case .opaque(let name, let doc): page.entry(name, doc)
            case .headerOnly(let doc, let body): page.entry(headerOnlyName(body), doc)
            case .constants: break
            }
        }
        return ManualWriter.file("streamablehttp", page.text)
    }

    /// A page with what all have; `end` adds what stands behind the description.
    private func page(
        _ titles: [String], _ doc: String, also sentences: String = "", code: String = "",
        synopsis: (inout ManualPage) -> Void, end: (inout ManualPage) -> Void = { _ in }
    ) -> GeneratedFile {
        var page = ManualPage(name: titles[0], version: table.version, isKnown: isKnown)
        page.name(titles, doc)
        page.synopsis([])
        synopsis(&page)
        page.section("DESCRIPTION", doc + "\n\n" + sentences)
        end(&page)
        page.seeAlso([doc, sentences, code].joined(separator: "\n"), besides: titles)
        return ManualWriter.file(titles[0], page.text)
    }

    private func isKnown(_ name: String) -> Bool { names.contains(name) }
}
