/// A C type, limited to those that the declarations of this library need.
indirect enum CType: Equatable, Sendable {
    case void, int, int32, uint16, uint32, uint64, size, double
    /// `const char *`, NUL-terminated.
    case text
    /// `const uint8_t *`; its length is a separate field.
    case octets
    /// `void *`: the host's own pointer, never dereferenced.
    case address
    /// A struct of another library, used only through a pointer.
    case foreign(String)
    /// An opaque struct of this library.
    case opaque(String)
    /// A struct of this library, by value.
    case structure(String)
    case enumeration(String)
    case callback(String)
    case pointer(CType)
    case constPointer(CType)

    /// A handle the function may change.
    static func handle(_ name: String) -> CType { .pointer(.opaque(name)) }

    static let status = CType.enumeration("shttp_status")
    static let bytes = CType.structure("shttp_bytes")
    static let session = CType.structure("shttp_session")
    static let request = CType.structure("shttp_request")
    static let call = CType.structure("shttp_call")
    static let authorization = CType.structure("shttp_authorization")
    static let loop = CType.handle("shttp_loop")
    static let server = CType.handle("shttp_server")
}

/// How long something borrowed is valid.
enum Lifetime: Equatable, Sendable {
    /// Until the function or the callback that has the parameter returns.
    case returns
    case eventEnds, requestEnds, sessionEnds, unload
}

/// The owner of the object that a parameter, field or result refers to.
enum Ownership: Equatable, Sendable {
    /// A number, or a handle that the caller keeps.
    case plain
    case borrowed(until: Lifetime)
    /// The library makes its own copy before the call returns.
    case copied
    /// The library stores the pointer; the host still owns what it points to.
    case kept
    /// Ownership moves to the caller.
    case given
    /// Ownership moves to the library.
    case taken
}

/// The thread that may call a function, or that calls a callback.
enum Thread: Equatable, Sendable {
    case loopThread, anyThread
    /// Only for a callback: the thread that destroys something.
    case destroyer
}

struct Parameter: Sendable {
    let name: String
    let type: CType
    let ownership: Ownership

    init(_ name: String, _ type: CType, _ ownership: Ownership = .plain) {
        self.name = name
        self.type = type
        self.ownership = ownership
    }
}

/// The meaning of a field left 0, and the field's unit.
enum Default: Equatable, Sendable {
    /// The field is not an option, or one that every host must set.
    case none
    /// A value by its name, and its meaning if the name is not enough.
    case named(String, String? = nil)
    case milliseconds(UInt32)
    /// As `milliseconds`, and UINT32_MAX disables the limit.
    case millisecondsOrNever(UInt32)
    case bytes(UInt32)
    case count(UInt32)
}

struct Field: Sendable {
    let name: String
    let type: CType
    let ownership: Ownership
    let fallback: Default
    let doc: String

    init(
        _ name: String, _ type: CType, _ ownership: Ownership = .plain,
        fallback: Default = .none, _ doc: String
    ) {
        self.name = name
        self.type = type
        self.ownership = ownership
        self.fallback = fallback
        self.doc = doc
    }

    init(_ name: String, _ type: CType, _ doc: String) {
        self.init(name, type, .plain, doc)
    }
}

struct Structure: Sendable {
    let name: String
    let doc: String
    let fields: [Field]
}

struct EnumCase: Sendable {
    let name: String
    let value: Int32
    let doc: String
    /// The heading of a group of cases, if the case is its first.
    let group: String?

    init(_ name: String, _ value: Int32, _ doc: String, group: String? = nil) {
        self.name = name
        self.value = value
        self.doc = doc
        self.group = group
    }
}

struct Enumeration: Sendable {
    let name: String
    let doc: String
    let cases: [EnumCase]
}

struct Callback: Sendable {
    let name: String
    let doc: String
    let parameters: [Parameter]
    /// The thread that calls it.
    var thread = Thread.loopThread
}

/// A status that a function may return, and its condition.
struct Status: Sendable {
    let number: Int32
    let name: String
    /// One English sentence: the result of `shttp_status_text`.
    let text: String
    /// Set where a function lists the status: the condition under which it is returned.
    var condition: String?

    init(_ number: Int32, _ name: String, _ text: String) {
        self.number = number
        self.name = name
        self.text = text
    }

    /// The same status, with the condition under which a function returns it.
    func when(_ condition: String) -> Status {
        var status = self
        status.condition = condition
        return status
    }
}

struct Function: Sendable {
    let name: String
    let thread: Thread
    /// One sentence, then everything the caller must know that the other fields do not say.
    let doc: String
    let parameters: [Parameter]
    let result: CType
    let resultOwnership: Ownership
    /// Empty unless the result is a status.
    let statuses: [Status]
    /// Whether the status may be ignored: then it is not declared SHTTP_NODISCARD.
    let mayIgnore: Bool

    init(
        _ name: String, _ thread: Thread, _ doc: String, _ parameters: [Parameter],
        result: CType = .status, _ resultOwnership: Ownership = .plain, statuses: [Status] = [],
        mayIgnore: Bool = false
    ) {
        self.name = name
        self.thread = thread
        self.doc = doc
        self.parameters = parameters
        self.result = result
        self.resultOwnership = resultOwnership
        self.statuses = statuses
        self.mayIgnore = mayIgnore
    }
}

/// A number that a program can compare at compile time; `digits` is its C spelling.
struct Constant: Sendable {
    let name: String
    let value: UInt32
    let digits: String
}

/// One declaration of the header, in the order of the header.
enum Declaration: Sendable {
    case section(String, doc: String?)
    case constants([Constant], doc: String)
    case opaque(String, doc: String)
    case enumeration(Enumeration)
    case structure(Structure)
    case callback(Callback)
    case function(Function)
    /// C text for the header only: a macro or an inline function.
    case headerOnly(doc: String, text: String)
}

/// The whole ABI: the only input of every writer.
struct Table: Sendable {
    /// The introduction at the top of the header.
    let page: String
    let declarations: [Declaration]
    let statuses: [Status]

    var functions: [Function] {
        declarations.compactMap { if case .function(let function) = $0 { function } else { nil } }
    }

    var structures: [Structure] {
        declarations.compactMap {
            if case .structure(let structure) = $0 { structure } else { nil }
        }
    }

    var enumerations: [Enumeration] {
        declarations.compactMap {
            if case .enumeration(let enumeration) = $0 { enumeration } else { nil }
        }
    }
}

/// A generated file; `path` is relative to the repository.
struct GeneratedFile: Sendable {
    let path: String
    let text: String
}
