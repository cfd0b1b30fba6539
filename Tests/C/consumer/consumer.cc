/* The same in C++. */
#include <iostream>
#include <streamablehttp.hpp>

int main() {
  try {
    shttp::Loop loop;
    shttp::Server server(loop, {"consumer", "1"});
    server.add(shttp::Tool("hello").on_call([](shttp::Call &) { return "hello"; }));
    server.listen();
    std::cout << SHTTP_VERSION_MAJOR << "." << SHTTP_VERSION_MINOR << "." << SHTTP_VERSION_PATCH << " listens\n";
  } catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
