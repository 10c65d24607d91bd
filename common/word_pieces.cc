#include "common/word_pieces.h"

#include <algorithm>
#include <array>
#include <utility>

#include <absl/strings/str_cat.h>
#include <utf8proc.h>

namespace smartbatch {
namespace {

constexpr std::string_view kContinues = "##";
constexpr std::string_view kBegin = "[CLS]";
constexpr std::string_view kEnd = "[SEP]";
constexpr std::string_view kUnknown = "[UNK]";
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
class WordPieces::Splitter {
 public:
  // `ids` may be null.
  Splitter(const WordPieces& pieces, std::vector<std::int64_t>* ids) : pieces_(pieces), ids_(ids) {}

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
    return tokens_;
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
    tokens_ += pieces_.PiecesOf(characters_ > kMostCharactersOfAWord ? std::string_view() : word_, ids_);
    word_.clear();
    characters_ = 0;
  }

  const WordPieces& pieces_;
  std::vector<std::int64_t>* const ids_;
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
    const std::uint32_t id = pieces.lines_++;
    if (piece.empty()) continue;
    if (!IsSpecial(piece) && HasCapital(piece)) pieces.lowers_ = false;
    pieces.longest_bytes_ = std::max(pieces.longest_bytes_, piece.size());
    if (piece.starts_with(kContinues) && piece.size() > kContinues.size()) {
      pieces.continuations_.insert_or_assign(std::string(piece.substr(kContinues.size())), id);
    } else {
      pieces.beginnings_.insert_or_assign(std::string(piece), id);
    }
  }
  if (pieces.beginnings_.empty()) {
    return absl::InvalidArgumentError("the vocabulary is empty: give a model's vocab.txt, with a piece in each line");
  }
  return pieces;
}

std::uint32_t WordPieces::PiecesOf(std::string_view word, std::vector<std::int64_t>* ids) const {
  const std::size_t before = ids == nullptr ? 0 : ids->size();
  std::uint32_t count = 0;
  do {
    const Pieces& pieces = count == 0 ? beginnings_ : continuations_;
    auto found = pieces.end();
    std::size_t end = std::min(word.size(), longest_bytes_);
    for (; end > 0; --end) {
      if (end < word.size() && Continues(word[end])) continue;
      found = pieces.find(absl::string_view(word.data(), end));
      if (found != pieces.end()) break;
    }
    if (end == 0) {
      if (ids != nullptr) {
        ids->resize(before);
        ids->push_back(IdOf(kUnknown));
      }
      return 1;
    }
    if (ids != nullptr) ids->push_back(found->second);
    word.remove_prefix(end);
    ++count;
  } while (!word.empty());
  return count;
}

std::uint32_t WordPieces::Split(std::string_view text, std::vector<std::int64_t>* ids) const {
  Splitter splitter(*this, ids);
  while (!text.empty() && !splitter.full()) {
    utf8proc_int32_t c = 0;
    const utf8proc_ssize_t bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                                    static_cast<utf8proc_ssize_t>(text.size()), &c);
    text.remove_prefix(bytes > 0 ? static_cast<std::size_t>(bytes) : 1);
    if (bytes > 0) splitter.Take(c);
  }
  return splitter.End();
}

std::uint32_t WordPieces::Count(std::string_view text) const { return std::min(Split(text, nullptr), most_tokens_); }

std::vector<std::int64_t> WordPieces::Encode(std::string_view text) const {
  std::vector<std::int64_t> ids = {IdOf(kBegin)};
  Split(text, &ids);
  ids.resize(std::min<std::size_t>(ids.size(), most_tokens_ - 1));
  ids.push_back(IdOf(kEnd));
  return ids;
}

absl::Status WordPieces::CanEncode() const {
  for (const std::string_view special : {kBegin, kEnd, kUnknown}) {
    if (beginnings_.contains(absl::string_view(special.data(), special.size()))) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the vocabulary has no ", std::string(special),
                     ", which stands for a part of every text: give the vocab.txt of a model of BERT's family"));
  }
  return absl::OkStatus();
}

std::int64_t WordPieces::IdOf(std::string_view special) const {
  const auto found = beginnings_.find(absl::string_view(special.data(), special.size()));
  return found == beginnings_.end() ? 0 : found->second;
}

}  // namespace smartbatch
