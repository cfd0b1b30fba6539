import Fuzzing

/// A failure that only a fuzzer which sees coverage finds in a few seconds: run.sh checks that ours
/// does.
fuzz { input in
    var steps = input.makeIterator()
    for byte in "canary".utf8 {
        guard steps.next() == byte else { return }
    }
    fatalError("The canary has been found")
}
