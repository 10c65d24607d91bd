#include "common/program/flags.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iostream>

namespace smartbatch::program {

std::string HostPort::ToString() const { return host + ":" + std::to_string(port); }

bool ParseHostPort(const std::string& text, HostPort& result, std::string& error) {
  const std::size_t colon = text.rfind(':');
  const bool bracketed = !text.empty() && text.front() == '[';
  const bool shape_is_right =
      colon != std::string::npos && colon > 0 && (bracketed ? text[colon - 1] == ']' : text.find(':') == colon);
  const auto is_blank = [](unsigned char letter) { return letter <= ' ' || letter == 0x7F; };
  unsigned port = 0;
  bool port_is_right = false;
  if (shape_is_right && std::none_of(text.begin(), text.end(), is_blank)) {
    const char* const begin = text.data() + colon + 1;
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(begin, end, port);
    port_is_right = begin != end && parsed.ec == std::errc() && parsed.ptr == end && port <= 65535;
  }
  if (!port_is_right) {
    error = "'" + text + "' is not host:port with a port of 0 to 65535, such as 127.0.0.1:50051";
    return false;
  }
  result.host = text.substr(0, colon);
  result.port = static_cast<std::uint16_t>(port);
  return true;
}

std::string EnvironmentName(const std::string& flag) {
  std::string name = "SMARTBATCH_" + flag;
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return letter == '-' ? '_' : static_cast<char>(std::toupper(letter)); });
  return name;
}

CLI::Option* AddHostPortFlag(CLI::App& app, const std::string& name, std::string& value, const std::string& help) {
  return AddFlag(app, name, value, help)->type_name("HOST:PORT")->check([](const std::string& text) {
    HostPort parsed;
    std::string error;
    ParseHostPort(text, parsed, error);
    return error;
  });
}

void AddSharePortsFlag(CLI::App& app, bool& value) {
  app.add_flag("--share-ports", value,
               "Share the ports with another process that has this flag: the newer one gets the new connections, so "
               "that it can replace the older one without refusing any")
      ->envname(EnvironmentName("share-ports"));
}

bool ParseOrExit(CLI::App& app, int argc, char** argv, int& exit_code) {
  try {
    app.parse(argc, argv);
    return false;
  } catch (const CLI::ParseError& error) {
    exit_code = kExitOk;
    if (error.get_exit_code() == 0) {
      app.exit(error);  // prints the help or the version
      return true;
    }
    exit_code = kExitUsage;
    const CLI::App* verb = &app;
    std::string command = app.get_name();
    while (!verb->get_subcommands().empty()) {
      verb = verb->get_subcommands().front();
      command += " " + verb->get_name();
    }
    std::string message = error.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    std::cerr << app.get_name() << ": " << message << "; " << command << " --help shows what can be given\n";
    return true;
  }
}

}  // namespace smartbatch::program
