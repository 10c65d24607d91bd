#include "common/workload/json_lines.h"

#include <ios>
#include <iterator>
#include <sstream>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace smartbatch::workload {
namespace {

constexpr std::size_t kDeepest = 32;

// Follows the parser through the text. The parser reads from `in_`, so its position is the parser's.
class LineRecorder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit LineRecorder(const std::string& text) : text_(text), in_(text) {}

  absl::StatusOr<std::map<std::string, int>> Record() {
    if (nlohmann::json::sax_parse(in_, this)) return std::move(lines_);
    return absl::InvalidArgumentError(absl::StrCat("line ", Line(), ": ", error_));
  }

  bool null() override { return Value(0); }
  bool boolean(bool) override { return Value(0); }
  // The parser has read one letter beyond a number when it knows that the number ends.
  bool number_integer(number_integer_t) override { return Value(1); }
  bool number_unsigned(number_unsigned_t) override { return Value(1); }
  bool number_float(number_float_t, const string_t&) override { return Value(1); }
  bool string(string_t&) override { return Value(0); }
  bool binary(binary_t&) override { return Value(0); }
  bool start_object(std::size_t) override { return Begin(false); }
  bool start_array(std::size_t) override { return Begin(true); }
  bool end_object() override { return End(); }
  bool end_array() override { return End(); }
  bool key(string_t& name) override {
    levels_.back().key = name;
    if (!lines_.contains(Path())) return true;
    error_ = absl::StrCat("'", name, "' is given twice; keep one");
    return false;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& exception) override {
    const std::string what = exception.what();
    const std::size_t reason = what.find("syntax error");
    error_ = absl::StrCat("this is not JSON", reason == std::string::npos ? "" : ": " + what.substr(reason));
    return false;
  }

 private:
  struct Level {
    bool is_array = false;
    std::string key;
    int index = 0;
  };

  std::string Path() const {
    std::string path;
    for (const Level& level : levels_) {
      if (level.is_array) {
        absl::StrAppend(&path, "[", level.index, "]");
      } else {
        absl::StrAppend(&path, path.empty() ? "" : ".", level.key);
      }
    }
    return path;
  }
  int Line(int letters_back = 0) {
    const auto read = static_cast<std::streamoff>(in_.rdbuf()->pubseekoff(0, std::ios::cur, std::ios::in));
    for (; counted_ < read - letters_back && counted_ < std::ssize(text_); ++counted_) {
      if (text_[static_cast<std::size_t>(counted_)] == '\n') ++line_;
    }
    return line_;
  }
  bool Value(int letters_back) {
    lines_[Path()] = Line(letters_back);
    if (!levels_.empty()) ++levels_.back().index;
    return true;
  }
  bool Begin(bool is_array) {
    // The memory for the paths of ever deeper values would grow with the square of the text's length.
    if (levels_.size() == kDeepest) {
      error_ = absl::StrCat("lists and objects are nested more than ", kDeepest, " deep; a workload needs 3");
      return false;
    }
    lines_[Path()] = Line();
    levels_.push_back({is_array, {}, 0});
    return true;
  }
  bool End() {
    levels_.pop_back();
    if (!levels_.empty()) ++levels_.back().index;
    return true;
  }

  const std::string& text_;
  std::istringstream in_;
  std::vector<Level> levels_;
  std::map<std::string, int> lines_;
  std::string error_;
  std::streamoff counted_ = 0;
  int line_ = 1;
};

}  // namespace

absl::StatusOr<std::map<std::string, int>> LinesOfValues(const std::string& json) {
  return LineRecorder(json).Record();
}

}  // namespace smartbatch::workload
