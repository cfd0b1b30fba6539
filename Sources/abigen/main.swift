/// abigen generates all files that are derived from the table in ABI/.
///
///     abigen [--check] [--root DIRECTORY]
///
/// Without an option it writes the files below the current directory. With `--check` it writes
/// nothing, reports each file that is out of date, and exits with 1 if there is one.

import Glibc

var root = "."
var isCheck = false
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch argument {
    case "--check": isCheck = true
    case "--root":
        guard let directory = arguments.popFirst() else { usage() }
        root = directory
    default: usage()
    }
}

var failures = 0
for file in generatedFiles(from: ABI.table) {
    let path = root + "/" + file.path
    if readFile(path) == file.text { continue }
    if isCheck {
        report("\(file.path) is out of date; run: swift run abigen")
        failures += 1
    } else if writeFile(path, file.text) {
        print("wrote \(file.path)")
    } else {
        report("\(path): cannot be written")
        failures += 1
    }
}
exit(failures == 0 ? 0 : 1)

func generatedFiles(from table: Table) -> [GeneratedFile] {
    [
        HeaderWriter.write(table), ExportsWriter.write(table), StatusNamesWriter.write(table),
        ThunksWriter.write(table), StatisticsWriter.write(table),
        CtypesWriter.write(table),
    ] + PythonWriter.write(table) + EventsWriter.write(table) + OptionsWriter.write(table)
        + LayoutTestWriter.write(table)
}

func usage() -> Never {
    report("usage: abigen [--check] [--root DIRECTORY]")
    exit(2)
}

func report(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
}
