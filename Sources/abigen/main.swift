/// abigen generates all files that are derived from the table in ABI/.
///
///     abigen [--check | --promise] [--root DIRECTORY]
///
/// Without an option it writes the files below the current directory. With `--check` it writes
/// nothing, reports each file that is out of date and each promise that is broken, and exits with 1
/// if there is one. `--promise` writes the promise of the current version, once, for its release.

import Glibc

enum Work {
    case write, check, promise
}

var root = "."
var work = Work.write
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch argument {
    case "--check": work = .check
    case "--promise": work = .promise
    case "--root":
        guard let directory = arguments.popFirst() else { usage() }
        root = directory
    default: usage()
    }
}

if work == .promise, !hasAll(ABI.table) { exit(1) }

var failures = 0
for file in work == .promise ? [Promise.write(ABI.table)] : generatedFiles(from: ABI.table) {
    let path = root + "/" + file.path
    if readFile(path) == file.text { continue }
    if work == .check {
        report("\(file.path) is out of date; run: swift run abigen")
        failures += 1
    } else if writeFile(path, file.text) {
        print("wrote \(file.path)")
    } else {
        report("\(path): cannot be written")
        failures += 1
    }
}
if work != .promise { failures += staleManuals(below: root, deleting: work == .write) }
if work == .check { failures += brokenPromises(below: root) }
exit(failures == 0 ? 0 : 1)

/// Whether the version of a table has all that it declares; reports what it does not have.
func hasAll(_ table: Table) -> Bool {
    let facts = Promise.tooNew(in: table)
    for fact in facts { report(fact) }
    guard facts.isEmpty else {
        report(
            """
            \(table.version) does not have all of the table: first raise the version in \
            Sources/abigen/ABI/Version.swift, see docs/ABI.md.
            """)
        return false
    }
    return true
}

/// Deletes the manual pages of what the table no longer has, or reports them; their number if they
/// are still there.
func staleManuals(below root: String, deleting: Bool) -> Int {
    let current = Set(ManualWriter.write(ABI.table).map(\.path))
    var count = 0
    for name in fileNames(in: root + "/" + ManualWriter.directory) {
        let path = "\(ManualWriter.directory)/\(name)"
        guard !current.contains(path) else { continue }
        if !deleting || unlink(root + "/" + path) != 0 {
            report("\(path) is of nothing in the table; delete it")
            count += 1
        }
    }
    return count
}

/// Reports what the table does not keep; the number of faults.
func brokenPromises(below root: String) -> Int {
    var promises: [Promise] = []
    for name in fileNames(in: root + "/" + Promise.directory) {
        let path = "\(Promise.directory)/\(name)"
        guard let text = readFile(root + "/" + path), let promise = Promise(file: name, text: text)
        else {
            report("\(path) is not the promise of a version")
            return 1
        }
        promises.append(promise)
    }
    guard !promises.isEmpty else {
        report("\(Promise.directory) has no promise")
        return 1
    }
    var count = 0
    for promise in promises {
        let faults = promise.broken(by: ABI.table)
        for fault in faults { report("\(promise.version): \(fault)") }
        count += faults.count
    }
    if count > 0 {
        report(
            """
            The ABI of a released version is a promise. Undo the change, or leave the old as it is \
            and add something new with a newer `since`: see docs/ABI.md.
            """)
    }
    return count
}

func generatedFiles(from table: Table) -> [GeneratedFile] {
    [
        HeaderWriter.write(table), ExportsWriter.write(table), StatusNamesWriter.write(table),
        ThunksWriter.write(table), TwinsWriter.write(table), StatisticsWriter.write(table),
        JSONWriter.write(table), CdefWriter.write(table), ReferenceWriter.write(table),
        CtypesWriter.write(table),
    ] + PythonWriter.write(table) + EventsWriter.write(table) + OptionsWriter.write(table)
        + LayoutTestWriter.write(table) + ManualWriter.write(table)
        + [TwinsTestWriter.write(table)]
}

func usage() -> Never {
    report("usage: abigen [--check | --promise] [--root DIRECTORY]")
    exit(2)
}

func report(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(STDERR_FILENO, bytes, bytes.count)
}
