#include "services/proxy/protocol/lengths/word_pieces.h"

#include <algorithm>
#include <array>
#include <utility>

#include <absl/status/status.h>
#include <utf8proc.h>

namespace smartbatch::protocol {
namespace {

constexpr std::string_view kContinues = "##";
// Of a longer word nothing is looked up: it is one unknown token.
constexpr std::size_t kMostCharactersOfAWord = 100;
constexpr std::uint32_t kAroundAText = 2;

bool IsChinese(utf8proc_int32_t c) {
  constexpr std::array<std::pair<utf8proc_int32_t, utf8proc_int32_t>, 8> kBlocks = {{{0x4E00, 0x9FFF},
                                                                                     {0x3400, 0x4DBF},
                                                                                     {0x20000, 0x2A6DF},
                                                                                     {0x2A700, 0x2B73F},
                                                                                     {0x2B740, 0x2B81F},
                                                                                     {0x2B920, 0x2CEAF},
                                                                                     {0xF900, 0xFAFF},
                                                                                     {0x2F800, 0x2FA1F}}};
  return std::any_of(kBlocks.begin(), kBlocks.end(),
                     [c](const auto& block) { return c >= block.first && c <= block.second; });
}

enum class Kind { kLetter, kSpace, kPunctuation, kDropped };

Kind AsciiKind(utf8proc_int32_t c) {
  if (c == ' ' || c == '\t' || c == '\n' || c == '\r') return Kind::kSpace;
  if (c < ' ' || c == 0x7F) return Kind::kDropped;
  const bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  return letter ? Kind::kLetter : Kind::kPunctuation;
}

Kind KindOf(utf8proc_int32_t c) {
  if (c < 0x80) return AsciiKind(c);
  constexpr utf8proc_int32_t kReplacement = 0xFFFD;
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return Kind::kSpace;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return Kind::kPunctuation;
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
      return Kind::kDropped;
    default:
      return c == kReplacement ? Kind::kDropped : Kind::kLetter;
  }
}

bool IsSpecial(std::string_view piece) { return piece.starts_with('[') && piece.ends_with(']') && piece.size() > 2; }

bool HasCapital(std::string_view piece) {
  return std::any_of(piece.begin(), piece.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool Continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

}  // namespace

// Takes a text character by character.
class WordPieces::Counter {
 public:
  explicit Counter(const WordPieces& pieces) : pieces_(pieces) {}

  bool full() const { return tokens_ >= pieces_.most_tokens_; }

  void Take(utf8proc_int32_t c) {
    const Kind kind = KindOf(c);
    if (kind == Kind::kDropped) return;
    if (kind == Kind::kSpace) return EndWord();
    const bool alone = kind == Kind::kPunctuation || IsChinese(c);
    if (alone) EndWord();
    if (pieces_.lowers_ && c >= 0x80) {
      AppendLowered(c);
    } else {
      Append(pieces_.lowers_ && c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    if (alone) EndWord();
  }

  std::uint32_t End() {
    EndWord();
    return std::min(tokens_, pieces_.most_tokens_);
  }

 private:
  // The parts of a character that are no accents, in lower case.
  void AppendLowered(utf8proc_int32_t c) {
    std::array<utf8proc_int32_t, 32> parts{};
    int boundary = 0;
    const utf8proc_ssize_t count = utf8proc_decompose_char(c, parts.data(), static_cast<utf8proc_ssize_t>(parts.size()),
                                                           UTF8PROC_DECOMPOSE, &boundary);
    for (utf8proc_ssize_t i = 0; i < count && i < static_cast<utf8proc_ssize_t>(parts.size()); ++i) {
      const utf8proc_int32_t part = parts[static_cast<std::size_t>(i)];
      if (utf8proc_category(part) != UTF8PROC_CATEGORY_MN) Append(utf8proc_tolower(part));
    }
  }

  void Append(utf8proc_int32_t c) {
    if (++characters_ > kMostCharactersOfAWord) return;
    if (c < 0x80) {
      word_.push_back(static_cast<char>(c));
      return;
    }
    std::array<utf8proc_uint8_t, 4> bytes{};
    const utf8proc_ssize_t size = utf8proc_encode_char(c, bytes.data());
    word_.append(bytes.begin(), bytes.begin() + size);
  }

  void EndWord() {
    if (characters_ == 0) return;
    tokens_ += characters_ > kMostCharactersOfAWord ? 1 : pieces_.PiecesOf(word_);
    word_.clear();
    characters_ = 0;
  }

  const WordPieces& pieces_;
  std::uint32_t tokens_ = kAroundAText;
  std::string word_;
  std::size_t characters_ = 0;
};

absl::StatusOr<WordPieces> WordPieces::FromVocabulary(std::string_view text, std::uint32_t most_tokens) {
  WordPieces pieces;
  pieces.most_tokens_ = most_tokens;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view piece = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (piece.ends_with('\r')) piece.remove_suffix(1);
    if (piece.empty()) continue;
    if (!IsSpecial(piece) && HasCapital(piece)) pieces.lowers_ = false;
    pieces.longest_bytes_ = std::max(pieces.longest_bytes_, piece.size());
    if (piece.starts_with(kContinues) && piece.size() > kContinues.size()) {
      pieces.continuations_.emplace(piece.substr(kContinues.size()));
    } else {
      pieces.beginnings_.emplace(piece);
    }
  }
  if (pieces.beginnings_.empty()) {
    return absl::InvalidArgumentError("the vocabulary is empty: give a model's vocab.txt, with a piece in each line");
  }
  return pieces;
}

std::uint32_t WordPieces::PiecesOf(std::string_view word) const {
  std::uint32_t count = 0;
  while (!word.empty()) {
    const auto& pieces = count == 0 ? beginnings_ : continuations_;
    std::size_t end = std::min(word.size(), longest_bytes_);
    while (end > 0 &&
           ((end < word.size() && Continues(word[end])) || !pieces.contains(absl::string_view(word.data(), end)))) {
      --end;
    }
    if (end == 0) return 1;
    word.remove_prefix(end);
    ++count;
  }
  return count;
}

std::uint32_t WordPieces::Count(std::string_view text) const {
  Counter counter(*this);
  while (!text.empty() && !counter.full()) {
    utf8proc_int32_t c = 0;
    const utf8proc_ssize_t bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                                    static_cast<utf8proc_ssize_t>(text.size()), &c);
    text.remove_prefix(bytes > 0 ? static_cast<std::size_t>(bytes) : 1);
    if (bytes > 0) counter.Take(c);
  }
  return counter.End();
}

}  // namespace smartbatch::protocol
