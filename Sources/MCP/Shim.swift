import Wire
package struct ToolTable: Sendable { package subscript(name: UnsafeRawBufferPointer) -> ToolHeaders? { nil } }
package struct ToolHeaders { package struct Mismatch { package let header: UnsafeRawBufferPointer }
 package func check(arguments: JSONValue?, headers: UnsafeRawBufferPointer) -> Mismatch? { nil } }
package enum MirroredValue { case text(UnsafeRawBufferPointer)
 package init(_ t: UnsafeRawBufferPointer) { self = .text(t) }
 package func equals(jsonString: JSONValue) -> Bool { guard case .text(let t) = self, let s = jsonString.string else { return false }
   return s.bytes.equals(t) }
}
