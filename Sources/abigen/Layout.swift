/// Sizes and offsets on LP64.
extension Table {
    func layout(of structure: Structure) -> (size: Int, alignment: Int, offsets: [Int]) {
        var end = 0
        var strictest = 1
        var offsets: [Int] = []
        for field in structure.fields {
            let (size, alignment) = layout(of: field.type)
            end = roundUp(end, to: alignment)
            offsets.append(end)
            end += size
            strictest = max(strictest, alignment)
        }
        return (roundUp(end, to: strictest), strictest, offsets)
    }

    func layout(of type: CType) -> (size: Int, alignment: Int) {
        switch type {
        case .void, .foreign, .opaque: preconditionFailure("A field cannot have this type.")
        case .uint16: return (2, 2)
        case .int, .int32, .uint32, .enumeration: return (4, 4)
        case .int64, .uint64, .size, .double: return (8, 8)
        case .text, .characters, .textBuffer, .octets, .address, .callback, .pointer, .constPointer:
            return (8, 8)
        case .structure(let name):
            let (size, alignment, _) = layout(of: structure(name))
            return (size, alignment)
        }
    }

    func structure(_ name: String) -> Structure {
        guard let structure = structures.first(where: { $0.name == name }) else {
            preconditionFailure("The table has no struct \(name).")
        }
        return structure
    }

    func enumeration(_ name: String) -> Enumeration {
        guard let enumeration = enumerations.first(where: { $0.name == name }) else {
            preconditionFailure("The table has no enum \(name).")
        }
        return enumeration
    }

    private func roundUp(_ value: Int, to alignment: Int) -> Int {
        (value + alignment - 1) / alignment * alignment
    }
}
