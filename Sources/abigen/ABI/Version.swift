extension ABI {
    static let version: [Declaration] = [
        .section("Version", doc: nil),
        .constants(
            [
                Constant(name: "SHTTP_VERSION_MAJOR", value: 0, digits: "0"),
                Constant(name: "SHTTP_VERSION_MINOR", value: 1, digits: "1"),
                Constant(name: "SHTTP_VERSION_PATCH", value: 0, digits: "0"),
                Constant(name: "SHTTP_VERSION_NUMBER", value: 0x000100, digits: "0x000100"),
            ],
            doc: """
                The version of this header, in three parts and as one number to compare:
                (major << 16) | (minor << 8) | patch.
                """),
        .constants(
            [Constant(name: "SHTTP_ABI_VERSION", value: 0, digits: "0")],
            doc: """
                The binary interface of this header, which is also the number in the library's file
                name, libstreamablehttp.so.0.
                """),
        .function(
            Function(
                "shttp_version", .anyThread,
                """
                The SHTTP_VERSION_NUMBER that the library was built with.

                It may be newer than this header's: additions do not break a program.
                """,
                [], result: .uint32)),
        .function(
            Function(
                "shttp_abi_version", .anyThread,
                """
                The SHTTP_ABI_VERSION that the library was built with.

                A program that loads the library at run time must compare this with its own
                SHTTP_ABI_VERSION before any other call, and must not use the library if they
                differ.
                """,
                [], result: .uint32)),
    ]
}
