#include "tests/loadgen/program_fixture.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace smartbatch::loadgen {

namespace fs = std::filesystem;

ProgramTest::ProgramTest() {
  std::string name = (fs::temp_directory_path() / "loadgen-program-XXXXXX").string();
  folder_ = mkdtemp(name.data());
}
ProgramTest::~ProgramTest() { fs::remove_all(folder_); }

ProcessOutcome ProgramTest::Loadgen(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), SMARTBATCH_BIN_DIR "/loadgen");
  return RunHere(arguments);
}

ProcessOutcome ProgramTest::RunHere(const std::vector<std::string>& arguments) const {
  const auto outcome = RunProcess(arguments, folder_);
  EXPECT_TRUE(outcome.ok()) << outcome.status();
  return outcome.value_or(ProcessOutcome{-1, ""});
}

std::vector<std::string> ProgramTest::FilesEndingIn(const std::string& end) const {
  std::vector<std::string> names;
  if (!fs::exists(folder_ / "results")) return names;
  for (const auto& entry : fs::directory_iterator(folder_ / "results")) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(end)) names.push_back(name);
  }
  return names;
}

fs::path ProgramTest::OnlyFile(const std::string& end) const {
  const auto names = FilesEndingIn(end);
  EXPECT_EQ(names.size(), 1U) << end;
  return folder_ / "results" / names.at(0);
}

nlohmann::json ProgramTest::Summary() const { return nlohmann::json::parse(std::ifstream(OnlyFile("_summary.json"))); }

void ProgramTest::Write(const std::string& name, const std::string& text) const {
  std::ofstream(folder_ / name) << text;
}

std::string ProgramTest::Read(const std::string& name) const {
  std::ifstream file(folder_ / name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::size_t Lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace smartbatch::loadgen
