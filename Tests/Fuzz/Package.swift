// swift-tools-version: 6.2
//
// The fuzzers: the library's own layers, compiled once more with libFuzzer's and AddressSanitizer's
// instruments in them, and one program per fuzzer. Optimized, with Swift's checks: run.sh builds
// it.

import PackageDescription

#if canImport(Glibc)
    import Glibc
#endif

/// Debian 12 ships llhttp as C sources; newer systems as a library.
let llhttpIsSource = access("/usr/share/llhttp/llhttp.c", R_OK) == 0

let instruments = "-sanitize=fuzzer,address"

func layer(
    _ name: String, _ dependencies: [Target.Dependency], linker: [LinkerSetting] = []
) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Library/\(name)",
        swiftSettings: [.unsafeFlags([instruments])], linkerSettings: linker)
}

func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: "Fuzz\(name)", dependencies: ["Fuzzing"] + dependencies,
        swiftSettings: [.treatAllWarnings(as: .error), .unsafeFlags([instruments])],
        linkerSettings: [.unsafeFlags([instruments, "-use-ld=lld"])])
}

let package = Package(
    name: "Fuzz",
    targets: [
        .systemLibrary(name: "CLibc", path: "Library/CLibc"),
        .systemLibrary(name: "CJansson", path: "Library/CJansson"),
        .target(
            name: "CLLHTTP", path: "Library/CLLHTTP",
            cSettings: [
                .unsafeFlags([
                    "-I/usr/share/include/llhttp", "-fsanitize=fuzzer-no-link,address",
                ])
            ],
            linkerSettings: llhttpIsSource ? [] : [.linkedLibrary("llhttp")]),
        layer("Wire", ["CLLHTTP", "CJansson", "CLibc"], linker: [.linkedLibrary("jansson")]),
        layer("MCP", ["Wire"]),
        layer("Link", ["Wire"]),
        layer("Session", ["Link", "MCP", "Wire"]),
        layer("Replay", ["Session", "Link", "Wire"]),
        layer("Engine", ["Wire", "MCP", "Link", "Session", "Replay"]),

        .target(name: "Oracle", path: "Oracle", swiftSettings: [.treatAllWarnings(as: .error)]),
        .systemLibrary(name: "CLibFuzzer"),
        .target(
            name: "Fuzzing", dependencies: ["CLibFuzzer", "CLibc", "Wire"],
            swiftSettings: [.treatAllWarnings(as: .error), .unsafeFlags([instruments])]),
        .executableTarget(
            name: "OracleCheck", dependencies: ["Fuzzing", "CLibc"],
            swiftSettings: [.treatAllWarnings(as: .error), .unsafeFlags([instruments])],
            linkerSettings: [.unsafeFlags([instruments, "-use-ld=lld"])]),
        fuzzer("Canary", []),
        fuzzer("MemoryCanary", []),
        fuzzer("HTTP", ["MCP", "Wire"]),
        fuzzer("SSE", ["Oracle", "Engine", "Link", "Wire"]),
        fuzzer("Envelope", ["CJansson", "MCP", "Wire"]),
        fuzzer("EventID", ["Link", "Session", "Wire"]),
        fuzzer("Engine", ["Oracle", "Engine", "Replay", "Session", "MCP", "Link", "Wire"]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c11
)
