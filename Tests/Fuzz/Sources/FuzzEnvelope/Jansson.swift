import CJansson
import Fuzzing
import Wire

/// Holds jansson's tree of a text to what stands in it. It refuses some of what the grammar admits,
/// and nothing else (`JSONTree`).
func compareWithJansson(_ input: UnsafeRawBufferPointer, _ value: OracleValue?) {
    let tree = JSONTree(input)
    switch (tree, value) {
    case (nil, nil): break
    case (nil, let value?): require(isBeyondJansson(value), "refused by jansson alone")
    case (let tree?, let value?):
        require(isSame(tree.root, value), "jansson has another value")
    case (_?, nil):
        // To jansson, a NUL between tokens is the end.
        require(input.firstIndex(ofByte: 0) != nil, "taken by jansson alone")
    }
}

private func isBeyondJansson(_ value: OracleValue) -> Bool {
    switch value.content {
    case .null, .bool: false
    case .number(let text): !double(text).isFinite
    case .string(let units): units.hasLoneSurrogate
    case .array(let elements): elements.contains(where: isBeyondJansson)
    case .object(let members):
        members.contains {
            $0.name.hasLoneSurrogate || $0.name.contains(0) || isBeyondJansson($0.value)
        }
    }
}

private func isSame(_ node: UnsafePointer<JSONNode>?, _ value: OracleValue) -> Bool {
    guard let node else { return false }
    switch value.content {
    case .null: return node.pointee.type == JSON_NULL
    case .bool(let isTrue): return node.pointee.type == (isTrue ? JSON_TRUE : JSON_FALSE)
    case .number(let text):
        if node.pointee.type == JSON_INTEGER {
            return Int64(String(decoding: text, as: UTF8.self)) == json_integer_value(node)
        }
        return node.pointee.type == JSON_REAL && double(text) == json_real_value(node)
    case .string(let units):
        let bytes = UnsafeRawBufferPointer(
            start: json_string_value(node), count: json_string_length(node))
        return node.pointee.type == JSON_STRING && bytes.elementsEqual(units.generalizedUTF8)
    case .array(let elements):
        return node.pointee.type == JSON_ARRAY && json_array_size(node) == elements.count
            && elements.indices.allSatisfy { isSame(json_array_get(node, $0), elements[$0]) }
    case .object(let members):
        let last = Dictionary(members.map { ($0.name, $0.value) }) { $1 }
        return node.pointee.type == JSON_OBJECT && json_object_size(node) == last.count
            && last.allSatisfy { name, value in
                let name = String(decoding: name, as: UTF16.self)
                return isSame(json_object_get(node, name), value)
            }
    }
}

private func double(_ text: [UInt8]) -> Double {
    Double(String(decoding: text, as: UTF8.self)) ?? .nan
}
