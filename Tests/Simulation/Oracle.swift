import Oracle

package typealias ResponseReader = Oracle.ResponseReader
