/// Writes the declarations of the header without preprocessor, attributes and comments: what
/// LuaJIT's ffi.cdef and Python's cffi read.
enum CdefWriter {
    static func write(_ table: Table) -> GeneratedFile {
        let foreign = ["struct json_t;\nstruct uv_loop_s;\n"]
        let twins = table.twins.map { $0.function.prototype + ";\n" }.joined()
        return GeneratedFile(
            path: "include/streamablehttp.cdef",
            text: (foreign + table.declarations.compactMap(declaration) + [twins])
                .joined(separator: "\n"))
    }

    private static func declaration(_ declaration: Declaration) -> String? {
        switch declaration {
        case .section, .headerOnly: nil
        case .constants(let constants, _):
            "enum {\n"
                + constants.map { "  \($0.name) = \($0.digits)" }.joined(separator: ",\n")
                + "\n};\n"
        case .opaque(let name, _): "typedef struct \(name) \(name);\n"
        case .enumeration(let enumeration):
            "typedef enum \(enumeration.name) {\n"
                + enumeration.cases.map { "  \($0.name) = \($0.value)" }.joined(separator: ",\n")
                + "\n} \(enumeration.name);\n"
        case .structure(let structure):
            "typedef struct \(structure.name) {\n"
                + structure.fields.map { "  \($0.type.declaring($0.name));\n" }.joined()
                + "} \(structure.name);\n"
        case .callback(let callback): callback.prototype + ";\n"
        case .function(let function): function.prototype + ";\n"
        }
    }
}
