import Fuzzing
import Wire

/// Any bytes are a program: lines that each do one thing to an engine with small limits. README.md
/// has the grammar. Whatever it does, the engine does not trap, stays within its limits, writes
/// well-formed HTTP, and holds nothing in the end.
fuzz { input in
    var lines: [UnsafeRawBufferPointer] = []
    input.forEachPart(separatedBy: 0x0A) { lines.append($0) }
    let world = World(ProgramOptions(lines[0]))
    for line in lines.dropFirst() { world.perform(Line(line)) }
    world.end()
}
