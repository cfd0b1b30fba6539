# Serves one MCP tool, `hello`, in plain Ruby:   ruby examples/ruby_server.rb [PORT]
require "fiddle/import"
require "json"

# The declarations and numbers of the library. A function with structs by value has a twin without.
API = JSON.parse(File.read("#{__dir__}/../include/streamablehttp.json"))
SIZES = API["structs"].to_h { |struct| [struct["name"], struct["size"]] }
EVENT = API["structs"].find { |struct| struct["name"] == "shttp_event" }["fields"].to_h { |field| [field["name"], field["offset"]] }
KINDS = API["enums"].flat_map { |enum| enum["cases"] }.to_h { |kind| [kind["name"], kind["value"]] }

module Library
  extend Fiddle::Importer
  dlload ENV.fetch("STREAMABLEHTTP_LIBRARY", "libstreamablehttp.so.0")
  typealias "shttp_status", "int"
  (API["functions"] + API["twins"]).each { |function| extern function["c"] unless function["twin"] }
end
include Library

TOOL = { name: "hello", description: "Says hello.", inputSchema: { type: "object" } }
OPTIONS = { "server_info" => '{"name":"ruby","version":"1"}', "server_capabilities" => '{"tools":{}}' }

def answer(method, params)
  case method
  when "tools/list" then { tools: [TOOL] }
  when "tools/call" then { content: [{ type: "text", text: "Hello, #{params.dig("arguments", "name")}!" }] }
  end
end

def memory(size) = Fiddle::Pointer.malloc(size, Fiddle::RUBY_FREE).tap { |pointer| pointer[0] = 0 }
def number(pointer, offset = 0) = pointer[offset, 8].unpack1("Q")

def bytes(event, field)
  length = number(event, EVENT[field] + 8)
  length.zero? ? "" : Fiddle::Pointer.new(number(event, EVENT[field]))[0, length]
end

def check(status, error = nil)
  abort((error || shttp_status_text(status)).to_s) unless status.zero?
end

options, event = memory(SIZES["shttp_server_options"]), memory(SIZES["shttp_event"])
out, count, error = memory(8), memory(8), memory(256)
shttp_server_options_init_sized(options, options.size)
OPTIONS.each { |name, value| check shttp_server_option_set(options, name, value) }
check shttp_loop_create(nil, out)
thread = out.ptr
check shttp_server_create(thread, options, out, error, error.size), error
server = out.ptr
check shttp_server_listen(server, "127.0.0.1", Integer(ARGV[0] || 8080), error, error.size), error
check shttp_loop_run_thread(thread)
puts "http://127.0.0.1:#{shttp_server_port(server)}/mcp"
$stdout.flush

ready = IO.for_fd(shttp_server_descriptor(server), autoclose: false)
while ready.wait_readable
  check shttp_server_take_events_sized(server, event, event.size, 1, count)
  next unless number(count) == 1 && event[0, 4].unpack1("L") == KINDS["SHTTP_EVENT_REQUEST"]

  request, params = number(event, EVENT["request"]), bytes(event, "params")
  result = answer(bytes(event, "method"), params.empty? ? {} : JSON.parse(params))
  if result
    json = JSON.generate(result)
    shttp_ffi_request_respond(server, request, json, json.bytesize) # It fails if the client has left.
  else
    shttp_ffi_request_fail(server, request, -32601, "Method not found", 16, nil, 0)
  end
end
