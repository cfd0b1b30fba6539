/// A C type, as far as the declarations of this library need one.
indirect enum CType: Equatable, Sendable {
    case void, int, int32, uint16, uint32, uint64, size, double
    /// `const char *`, ended by a NUL.
    case text
    /// `const uint8_t *`, with its length beside it.
    case octets
    /// `void *`: the host's own pointer, never followed.
    case address
    /// A struct of another library, only ever seen through a pointer.
    case foreign(String)
    /// A struct of this library whose fields the caller does not see.
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

/// How long something borrowed stays valid.
enum Lifetime: Equatable, Sendable {
    /// For a parameter of a function, the call; for one of a callback, the callback.
    case returns
    case eventEnds, requestEnds, sessionEnds, unload
}

/// Who owns what a parameter, field or result refers to, and for how long.
enum Ownership: Equatable, Sendable {
    /// A number, or a handle that the caller keeps.
    case plain
    case borrowed(until: Lifetime)
    /// The library makes its own copy before the call returns.
    case copied
    /// The library keeps the pointer, and what it points to remains the host's.
    case kept
    /// The caller owns it from now on.
    case given
    /// The library owns it from now on.
    case taken
}

/// Which thread may make a call, or makes it.
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

/// What a field left 0 means, and in which unit it counts.
enum Default: Equatable, Sendable {
    /// The field is no option, or one that every host must set.
    case none
    /// A value by its name, and what it means where the name does not say it.
    case named(String, String? = nil)
    case milliseconds(UInt32)
    /// As `milliseconds`, and UINT32_MAX switches the limit off.
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
    /// A line above the case that opens a group of cases.
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
    /// The thread that makes the call.
    var thread = Thread.loopThread
}

/// A status a function may return, and when.
struct Status: Sendable {
    let number: Int32
    let name: String
    /// One English sentence: what `shttp_status_text` returns.
    let text: String
    /// Set where a function lists the status: the case in which it returns it.
    var condition: String?

    init(_ number: Int32, _ name: String, _ text: String) {
        self.number = number
        self.name = name
        self.text = text
    }

    /// The same status, with the case in which a function returns it.
    func when(_ condition: String) -> Status {
        var status = self
        status.condition = condition
        return status
    }
}

struct Function: Sendable {
    let name: String
    let thread: Thread
    /// One sentence, then what the caller must know that no field of this struct says.
    let doc: String
    let parameters: [Parameter]
    let result: CType
    let resultOwnership: Ownership
    /// Empty unless the result is a status.
    let statuses: [Status]
    /// A status that may be ignored: the call is worth making even if it comes to nothing.
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

/// A number that a program can compare at compile time; `digits` is how C spells it.
struct Constant: Sendable {
    let name: String
    let value: UInt32
    let digits: String
}

/// One piece of the header, in the order in which it stands there.
enum Declaration: Sendable {
    case section(String, doc: String?)
    case constants([Constant], doc: String)
    case opaque(String, doc: String)
    case enumeration(Enumeration)
    case structure(Structure)
    case callback(Callback)
    case function(Function)
    /// C text that only the header holds: a macro or an inline function.
    case headerOnly(doc: String, text: String)
}

/// The whole ABI: every writer reads this and nothing else.
struct Table: Sendable {
    /// The page at the top of the header.
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

/// A file made from the table; `path` is relative to the repository.
struct GeneratedFile: Sendable {
    let path: String
    let text: String
}
