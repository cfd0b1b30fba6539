/// A function that takes scalars where another, its original, takes structs by value.
struct Twin: Sendable {
    let original: Function
    let function: Function

    static let title = "Functions without structs"

    static let explanation = """
        For languages that cannot pass a struct by value, or only slowly, such as Ruby and LuaJIT.
        C and C++ programs do not need these functions.

        Each does what the function of the same name without ffi_ does, with the same threads,
        ownership and statuses. Only the parameters differ:

        - For bytes `x` there are two: `x`, which need not end with a NUL, and its length `x_len`.
        - For a session, a request, a call, an authorization, an exchange or a load there is its
          key, and a key is written to `*out`.
        """
}

extension Table {
    /// One for each function that takes a struct by value.
    var twins: [Twin] {
        functions.compactMap { function in
            let isNeeded = function.parameters.contains {
                if case .structure = $0.type { true } else { false }
            }
            return isNeeded ? twin(of: function) : nil
        }
    }

    /// All functions of the library.
    var exports: [Function] { functions + twins.map(\.function) }

    private func twin(of function: Function) -> Twin {
        Twin(
            original: function,
            function: Function(
                "shttp_ffi_" + function.name.dropFirst("shttp_".count), function.thread,
                "Does what \(function.name)() does.", function.parameters.flatMap(scalars),
                result: function.result, function.resultOwnership, statuses: function.statuses,
                mayIgnore: function.mayIgnore, since: function.since))
    }

    private func scalars(_ parameter: Parameter) -> [Parameter] {
        switch parameter.type {
        case .bytes:
            return [
                Parameter(parameter.name, .characters, parameter.ownership),
                Parameter(parameter.name + "_len", .size),
            ]
        case .structure(let name):
            guard isKey(name) else { preconditionFailure("\(name) has no form as scalars.") }
            return [Parameter(parameter.name, .uint64, parameter.ownership)]
        case .pointer(.structure(let name)) where isKey(name):
            return [Parameter(parameter.name, .pointer(.uint64), parameter.ownership)]
        default: return [parameter]
        }
    }

    /// Whether a struct is only a key.
    func isKey(_ name: String) -> Bool {
        structure(name).fields.map(\.name) == ["key"]
    }
}
