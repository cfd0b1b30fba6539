// swift-tools-version: 6.2
//
// The one description of the build. Without SHTTP_EMBEDDED this is ordinary Swift, for `swift test`;
// with SHTTP_EMBEDDED=1 (and a --scratch-path of its own) it is the Embedded Swift that ships.

import PackageDescription

#if canImport(Glibc)
    import Glibc
#endif

let embedded = Context.environment["SHTTP_EMBEDDED"] == "1"

/// Debian 12 ships llhttp as C sources; newer systems as a library.
let llhttpIsSource = access("/usr/share/llhttp/llhttp.c", R_OK) == 0

/// Every Swift target of the library: warnings are errors, and so is what Embedded Swift would refuse.
func house(_ optimization: String) -> [SwiftSetting] {
    embedded
        ? [
            .enableExperimentalFeature("Embedded"),
            .treatAllWarnings(as: .error),
            .unsafeFlags([
                "-wmo", optimization, "-enforce-exclusivity=unchecked",
                "-Xfrontend", "-function-sections",
                "-Xllvm", "-sil-disable-pass=closure-specialize",
            ]),
        ]
        : [
            .treatAllWarnings(as: .error),
            .treatWarning("EmbeddedRestrictions", as: .error),
        ]
}

/// docs/ARCHITECTURE.md, "The two builds".
let quick = house("-O")
let small = house("-Osize")

let sharedLibrary: [LinkerSetting] =
    embedded
    ? [
        .unsafeFlags([
            "-use-ld=lld", "-Xlinker", "--icf=all",
            "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/CABI/exports.map",
            "-Xlinker", "-soname=libstreamablehttp.so.0",
            "-Xlinker", "--gc-sections", "-Xlinker", "--as-needed", "-Xlinker", "-z", "-Xlinker",
            "defs",
        ]),
        .linkedLibrary("m"),
    ]
    : []

/// A store module: a library of its own, which exports one function.
func storeModule(_ soname: String) -> [LinkerSetting] {
    guard embedded else { return [] }
    return [
        .unsafeFlags([
            "-use-ld=lld", "-Xlinker", "--icf=all",
            "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/Stores/exports.map",
            "-Xlinker", "-soname=\(soname)",
            "-Xlinker", "--gc-sections", "-Xlinker", "--as-needed", "-Xlinker", "-z", "-Xlinker",
            "defs",
        ])
    ]
}

let tests: [Target] =
    embedded
    ? []
    : [
        .testTarget(name: "WireTests", dependencies: ["Wire"]),
        .testTarget(name: "MCPTests", dependencies: ["MCP", "Wire"]),
        .testTarget(name: "LinkTests", dependencies: ["Link", "Wire", "Seeds"]),
        .testTarget(name: "SessionTests", dependencies: ["Session", "Link", "Wire", "Seeds"]),
        .testTarget(
            name: "ReplayTests", dependencies: ["Replay", "Session", "Link", "Wire", "Seeds"]),
        .testTarget(
            name: "EngineTests",
            dependencies: [
                "Simulation", "Oracle", "Seeds", "Engine", "Replay", "Session", "MCP", "Link",
                "Wire",
            ],
            exclude: ["Transcripts"]),
        .target(
            name: "Simulation",
            dependencies: [
                "Oracle", "Engine", "Session", "Replay", "MCP", "Link", "Wire", "Seeds",
            ],
            path: "Tests/Simulation",
            swiftSettings: [.treatAllWarnings(as: .error)]),
        .target(name: "Seeds", path: "Tests/Seeds"),
        .target(
            name: "Oracle", path: "Tests/Oracle", swiftSettings: [.treatAllWarnings(as: .error)]),
        .executableTarget(
            name: "simulate", dependencies: ["Simulation"], path: "Tests/simulate",
            swiftSettings: [.treatAllWarnings(as: .error)]),
        .testTarget(
            name: "RuntimeTests", dependencies: ["Runtime", "Engine", "Replay", "Session"]),
        .testTarget(
            name: "CatalogTests",
            dependencies: ["Catalog", "Engine", "Session", "MCP", "Link", "Wire"]),
        .testTarget(name: "TidyTests"),
    ]

let package = Package(
    name: "StreamableHTTP",
    products: [
        .library(name: "streamablehttp", type: .dynamic, targets: ["CABI"]),
        .library(name: "streamablehttp-sqlite", type: .dynamic, targets: ["StoreSQLite"]),
        .library(name: "streamablehttp-redis", type: .dynamic, targets: ["StoreRedis"]),
    ],
    targets: [
        .systemLibrary(name: "CLibc", path: "Sources/CLibc"),
        .systemLibrary(name: "CLibuv", path: "Sources/CLibuv"),
        .systemLibrary(name: "CJansson", path: "Sources/CJansson"),
        .systemLibrary(name: "CSQLite", path: "Sources/CSQLite"),
        .systemLibrary(name: "CHiredis", path: "Sources/CHiredis"),
        .systemLibrary(name: "CStreamableHTTP", path: "include"),
        .systemLibrary(name: "CStore", path: "Sources/CStore"),
        .target(
            name: "CLLHTTP",
            cSettings: [.unsafeFlags(["-I/usr/share/include/llhttp", "-fvisibility=hidden"])],
            linkerSettings: llhttpIsSource ? [] : [.linkedLibrary("llhttp")]),

        .target(
            name: "Wire", dependencies: ["CLLHTTP", "CJansson", "CLibc"], swiftSettings: quick,
            linkerSettings: [.linkedLibrary("jansson")]),
        .target(name: "MCP", dependencies: ["Wire"], swiftSettings: small),
        .target(name: "Link", dependencies: ["Wire"], swiftSettings: quick),
        .target(name: "Session", dependencies: ["Link", "MCP", "Wire"], swiftSettings: small),
        .target(name: "Replay", dependencies: ["Session", "Link", "Wire"], swiftSettings: quick),
        .target(
            name: "Engine", dependencies: ["Wire", "MCP", "Link", "Session", "Replay"],
            swiftSettings: small),
        .target(
            name: "Runtime",
            dependencies: ["Engine", "Replay", "Session", "Link", "Wire", "CLibuv", "CLibc"],
            swiftSettings: small, linkerSettings: [.linkedLibrary("uv")]),
        .target(
            name: "Catalog", dependencies: ["Engine", "Session", "Link", "MCP", "Wire"],
            swiftSettings: small),
        .target(
            name: "CABI",
            dependencies: [
                "Catalog", "Runtime", "Engine", "Replay", "Session", "Link", "MCP", "Wire", "CLibc",
                "CStore", "CStreamableHTTP",
            ],
            exclude: ["exports.map"], swiftSettings: small, linkerSettings: sharedLibrary),
        .target(
            name: "StoreShared", dependencies: ["CStreamableHTTP", "CLibc"],
            path: "Sources/Stores/Shared", swiftSettings: small),
        .target(
            name: "StoreSQLite",
            dependencies: ["StoreShared", "CStore", "CStreamableHTTP", "CSQLite", "CLibc"],
            path: "Sources/Stores/SQLite", swiftSettings: small,
            linkerSettings: storeModule("libstreamablehttp-sqlite.so.0")
                + [.linkedLibrary("sqlite3")]),
        .target(
            name: "StoreRedis",
            dependencies: [
                "StoreShared", "CStore", "CStreamableHTTP", "CHiredis", "CLibuv", "CLibc",
            ],
            path: "Sources/Stores/Redis", swiftSettings: small,
            linkerSettings: storeModule("libstreamablehttp-redis.so.0")
                + [.linkedLibrary("hiredis"), .linkedLibrary("uv")]),
        .executableTarget(
            name: "abigen", exclude: ["Promised"], swiftSettings: [.treatAllWarnings(as: .error)]),
    ] + tests,
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c11
)
