// Plays the kept inputs of a fuzz target without libFuzzer: `fuzz-TARGET FOLDER_OR_FILE...`. A broken promise ends the
// program after the name of the input that broke it.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> InputsOf(const std::vector<fs::path>& arguments) {
  std::vector<fs::path> inputs;
  for (const fs::path& argument : arguments) {
    if (!fs::is_directory(argument)) {
      inputs.push_back(argument);
      continue;
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(argument)) inputs.push_back(entry.path());
  }
  std::sort(inputs.begin(), inputs.end());
  return inputs;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<fs::path> inputs = InputsOf({argv + 1, argv + argc});
  if (inputs.empty()) {
    std::fprintf(stderr, "no inputs; give a folder such as tests/fuzz/corpus/config\n");
    return 1;
  }
  for (const fs::path& input : inputs) {
    std::ifstream file(input, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file.is_open()) {
      std::fprintf(stderr, "%s cannot be read\n", input.c_str());
      return 1;
    }
    std::fprintf(stderr, "%s\n", input.c_str());
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%zu inputs, every promise kept\n", inputs.size());
  return 0;
}
