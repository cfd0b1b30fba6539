# Serves one MCP tool, `hello`, in plain Ruby:   ruby examples/ruby_server.rb [PORT]
require "fiddle/import"
require "io/wait"
require "json"

API = JSON.parse(File.read("#{__dir__}/../include/streamablehttp.json"))
SIZES = API["structs"].to_h { |struct| [struct["name"], struct["size"]] }
EVENT = API["structs"].find { |struct| struct["name"] == "shttp_event" }
FIELDS = EVENT["fields"].to_h { |field| [field["name"], field["offset"]] }
REQUEST = API["enums"].flat_map { |enum| enum["cases"] }.find { |kind| kind["name"] == "SHTTP_EVENT_REQUEST" }["value"]

# Every function of the library. One that takes structs by value has a twin without.
module C
  extend Fiddle::Importer
  dlload ENV.fetch("STREAMABLEHTTP_LIBRARY", "libstreamablehttp.so.0")
  API["enums"].each { |enum| typealias enum["name"], "int" }
  (API["functions"] + API["twins"]).each { |function| extern function["c"] unless function["twin"] }
end

OPTIONS = { "server_info" => '{"name":"ruby","version":"1"}', "server_capabilities" => '{"tools":{}}' }
TOOL = { name: "hello", description: "Says hello.", inputSchema: { type: "object" } }

def answer(method, params)
  case method
  when "tools/list" then { tools: [TOOL] }
  when "tools/call" then { content: [{ type: "text", text: "Hello, #{JSON.parse(params).dig("arguments", "name")}!" }] }
  end
rescue JSON::ParserError, TypeError
  { isError: true, content: [{ type: "text", text: "The arguments have no name." }] }
end

def memory(size) = Fiddle::Pointer.malloc(size, Fiddle::RUBY_FREE)
def number(pointer, offset = 0) = pointer[offset, 8].unpack1("Q")

def text(event, field)
  length = number(event, FIELDS[field] + 8)
  length.zero? ? "" : Fiddle::Pointer.new(number(event, FIELDS[field]))[0, length]
end

def check(status, error = C.shttp_status_text(status))
  abort error.to_s unless status.zero?
end

options, event = memory(SIZES["shttp_server_options"]), memory(SIZES["shttp_event"])
out, error = memory(8), memory(256)
C.shttp_server_options_init_sized(options, options.size)
OPTIONS.each { |name, value| check C.shttp_server_option_set(options, name, value) }
check C.shttp_loop_create(nil, out)
thread = out.ptr
check C.shttp_server_create(thread, options, out, error, error.size), error
server = out.ptr
check C.shttp_server_listen(server, "127.0.0.1", Integer(ARGV[0] || 8080), error, error.size), error
check C.shttp_loop_run_thread(thread)
puts "http://127.0.0.1:#{C.shttp_server_port(server)}/mcp"
$stdout.flush

ready = IO.for_fd(C.shttp_server_descriptor(server), autoclose: false)
while ready.wait_readable
  check C.shttp_server_take_events_sized(server, event, event.size, 1, out)
  next unless number(out) == 1 && event[0, 4].unpack1("L") == REQUEST

  request, result = number(event, FIELDS["request"]), answer(text(event, "method"), text(event, "params"))
  if result # It fails if the client has left.
    json = JSON.generate(result)
    C.shttp_ffi_request_respond(server, request, json, json.bytesize)
  else
    C.shttp_ffi_request_fail(server, request, -32601, "Method not found", 16, nil, 0)
  end
end
