#include <string>
#include <vector>

#include <fmt/format.h>

#include "tools/loadgen/verbs/command_line.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/verbs.h"

namespace smartbatch::loadgen {
namespace {

// Escapes text for man: no line of it is a command to man, and its hyphens can be copied.
std::string Escape(const std::string& text) {
  std::string escaped;
  for (const char letter : text) {
    const bool at_line_start = escaped.empty() || escaped.back() == '\n';
    if (at_line_start && (letter == '.' || letter == '\'')) escaped += "\\&";
    if (letter == '\\') {
      escaped += "\\e";
    } else if (letter == '-') {
      escaped += "\\-";
    } else {
      escaped += letter;
    }
  }
  return escaped;
}

std::string Preformatted(const std::string& text) { return ".nf\n" + Escape(text) + ".fi\n"; }

void AddOptions(const CLI::App& app, std::string& page) {
  for (const CLI::Option* const option : app.get_options()) {
    const std::string type = option->get_type_name();
    page += ".TP\n.B " + Escape(option->get_name(/*positional=*/true, /*all_options=*/true));
    if (!type.empty()) page += " \\fI" + Escape(type) + "\\fR";
    page += "\n" + Escape(option->get_description());
    if (!option->get_default_str().empty()) page += Escape(" (default: " + option->get_default_str() + ")");
    if (!option->get_envname().empty()) page += Escape(" (environment: " + option->get_envname() + ")");
    page += "\n";
  }
}

void AddVerbs(const CLI::App& app, const std::string& path, std::string& page) {
  for (const CLI::App* const verb : Verbs(app)) {
    const std::string name = path + " " + verb->get_name();
    page += ".SS " + Escape(name) + "\n" + Escape(verb->get_description()) + "\n";
    AddOptions(*verb, page);
    if (!verb->get_footer().empty()) page += ".PP\n" + Preformatted(verb->get_footer());
    AddVerbs(*verb, name, page);
  }
}

std::string ManualPage(const CLI::App& program) {
  std::string page = fmt::format(".TH LOADGEN 1 \"\" \"loadgen {0}\" \"Smart batching proxy\"\n", SMARTBATCH_VERSION);
  page += ".SH NAME\nloadgen \\- " + Escape(program.get_description()) + "\n";
  page += ".SH SYNOPSIS\n.B loadgen\n.I VERB\n[\\fIOPTION\\fR]...\n";
  page += ".SH OPTIONS\n";
  AddOptions(program, page);
  page += ".SH VERBS\n";
  AddVerbs(program, "loadgen", page);
  page += ".SH EXIT STATUS\n" + Preformatted(program.get_footer());
  return page;
}

}  // namespace

Verb AddManual(CLI::App& program) {
  CLI::App& verb = *program.add_subcommand("manual", "Print the manual page");
  verb.footer(
      "Examples:\n"
      "  loadgen manual | man -l -\n"
      "  loadgen manual >~/.local/share/man/man1/loadgen.1\n");
  return {&verb, [&program](const std::vector<std::string>&) {
            fmt::print("{}", ManualPage(program));
            return program::kExitOk;
          }};
}

}  // namespace smartbatch::loadgen
