/// A C type, limited to those that the declarations of this library need.
indirect enum CType: Equatable, Sendable {
    case void, int, int32, int64, uint16, uint32, uint64, size, double
    /// `const char *`, NUL-terminated.
    case text
    /// `const char *`; its length is the next parameter.
    case characters
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
    /// `char *`: the caller's buffer for text; its size is the next parameter.
    case textBuffer

    /// A handle the function may change.
    static func handle(_ name: String) -> CType { .pointer(.opaque(name)) }

    static let status = CType.enumeration("shttp_status")
    static let bytes = CType.structure("shttp_bytes")
    static let session = CType.structure("shttp_session")
    static let request = CType.structure("shttp_request")
    static let call = CType.structure("shttp_call")
    static let load = CType.structure("shttp_load")
    static let exchange = CType.structure("shttp_exchange")
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
    /// A time, which UINT32_MAX makes infinite.
    case milliseconds(UInt32)
    case bytes(UInt32)
    case count(UInt32)
    case percent(UInt32)
    case text(String)
    /// 0 means no, anything else yes.
    case flag
    /// A number with a meaning of its own, which the documentation explains.
    case number(UInt32)
}

/// The form of an option whose C type does not say it.
enum Form: Equatable, Sendable {
    /// As the C type says.
    case plain
    /// A comma-separated list.
    case list
    /// A JSON object.
    case json
    /// A file mode, in octal digits.
    case mode
}

struct Field: Sendable {
    let name: String
    let type: CType
    let ownership: Ownership
    let fallback: Default
    let form: Form
    /// The largest number that is accepted, if that is not the type's.
    let most: UInt32?
    let doc: String
    /// The Swift that the field is generated from: of an option, the property of `ServerOptions`
    /// that it sets; of an event, an expression of `event`. Nil: written by hand.
    let maps: String?
    let since: Version

    init(
        _ name: String, _ type: CType, _ ownership: Ownership = .plain,
        fallback: Default = .none, form: Form = .plain, most: UInt32? = nil, _ doc: String,
        maps: String? = nil, since: Version = .first
    ) {
        self.name = name
        self.type = type
        self.ownership = ownership
        self.fallback = fallback
        self.form = form
        self.most = most
        self.doc = doc
        self.maps = maps
        self.since = since
    }

    init(_ name: String, _ type: CType, _ doc: String, maps: String? = nil) {
        self.init(name, type, .plain, doc, maps: maps)
    }
}

/// The version of the library that introduced something.
struct Version: Comparable, CustomStringConvertible, Sendable {
    let minor: Int
    let patch: Int

    /// 0.1.0, whose ABI is a promise.
    static let first = Version(minor: 1, patch: 0)

    var description: String { "0.\(minor).\(patch)" }

    static func < (left: Version, right: Version) -> Bool {
        (left.minor, left.patch) < (right.minor, right.patch)
    }
}

struct Structure: Sendable {
    let name: String
    let doc: String
    let fields: [Field]
    var since = Version.first
}

struct EnumCase: Sendable {
    let name: String
    let value: Int32
    let doc: String
    /// The heading of a group of cases, if the case is its first.
    let group: String?
    /// The fields of its event that the kind may set, besides `kind`; all others are 0.
    let sets: [String]
    /// Those that most of its events set.
    var usualSets: [String] { sets.filter { special?.sets.contains($0) != true } }
    /// The Swift case that it is generated from.
    let maps: String?
    /// A Swift case for those of its events that set more fields, and these fields.
    let special: (maps: String, sets: [String])?
    let since: Version

    init(
        _ name: String, _ value: Int32, _ doc: String, group: String? = nil, sets: [String] = [],
        maps: String? = nil, special: (maps: String, sets: [String])? = nil,
        since: Version = .first
    ) {
        self.name = name
        self.value = value
        self.doc = doc
        self.group = group
        self.sets = sets + (special?.sets ?? [])
        self.maps = maps
        self.special = special
        self.since = since
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
    var result = CType.void
    var since = Version.first
}

/// A Python class: its name, its base classes and its errno.
struct PythonException: Sendable {
    let name: String
    let bases: [String]
    let errno: String?

    init(_ name: String, _ bases: String..., errno: String? = nil) {
        self.name = name
        let base =
            errno == nil && bases != ["OSError"] ? "StreamableHTTPError" : "SystemStatusError"
        self.bases =
            (bases.contains("InvalidMessageError") ? [] : [base]) + bases.filter { $0 != "OSError" }
        self.errno = errno
    }
}

/// A status that a function may return, and its condition.
struct Status: Sendable {
    let number: Int32
    let name: String
    /// One English sentence: the result of `shttp_status_text`.
    let text: String
    /// The exception of the Python binding.
    let exception: PythonException
    /// Set where a function lists the status: the condition under which it is returned.
    var condition: String?
    let since: Version

    init(
        _ number: Int32, _ name: String, _ text: String,
        exception: PythonException = PythonException(""), since: Version = .first
    ) {
        self.since = since
        self.number = number
        self.name = name
        self.text = text
        self.exception = exception
    }

    /// The same status, with the condition under which a function returns it.
    func when(_ condition: String) -> Status {
        var status = self
        status.condition = condition
        return status
    }
}

/// How the thunk of a function is generated. `$name` stands for a parameter, converted: a handle's
/// key, checked bytes, or the parameter itself.
enum Mapping: Sendable {
    /// The thunk is written by hand.
    case byHand
    /// Calls a method of `ServerRuntime`, if the condition holds.
    case command(String, requires: String? = nil)
    /// The same; the method returns the key of a call.
    case call(String)
    /// Writes an expression of `engine` to `*out`, on the loop's thread.
    case question(String)
    /// Performs an expression of `engine`, on the loop's thread.
    case action(String)
    /// Calls a method of `Loop`.
    case loop(String)
    /// Returns an expression.
    case value(String)
    /// Initializes an options struct.
    case initializer
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
    let maps: Mapping
    let since: Version

    init(
        _ name: String, _ thread: Thread, _ doc: String, _ parameters: [Parameter],
        result: CType = .status, _ resultOwnership: Ownership = .plain, statuses: [Status] = [],
        mayIgnore: Bool = false, maps: Mapping = .byHand, since: Version = .first
    ) {
        self.name = name
        self.thread = thread
        self.doc = doc
        self.parameters = parameters
        self.result = result
        self.resultOwnership = resultOwnership
        self.statuses = Function.complete(statuses, parameters)
        self.mayIgnore = mayIgnore
        self.maps = maps
        self.since = since
    }

    /// A forked child cannot use the handles of its parent.
    private static func complete(_ statuses: [Status], _ parameters: [Parameter]) -> [Status] {
        guard !statuses.isEmpty, !statuses.contains(where: { $0.name == Status.closed.name }),
            let first = parameters.first, first.type == .loop || first.type == .server
        else { return statuses }
        return statuses + [Status.closed.when("this process is a fork of the one that created it")]
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
