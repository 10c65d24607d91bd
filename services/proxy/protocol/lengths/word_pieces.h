// How many tokens a text has for a model of BERT's family, by the model's own vocabulary. Immutable, thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <absl/container/flat_hash_set.h>
#include <absl/status/statusor.h>

namespace smartbatch::protocol {

// WordPiece after BERT's basic tokenizer (Devlin et al., "BERT", 2018; google-research/bert, tokenization.py): control
// characters go, every Chinese character and every punctuation mark is a word, and a word is the fewest pieces that the
// greedy search for the longest one finds, or one unknown token. The names of special tokens in a text, such as [MASK],
// count as what they are written with.
class WordPieces {
 public:
  // `text` is a vocab.txt: a piece a line, "##" before those that continue a word. A vocabulary without capital letters
  // (but in special tokens) is taken for one of a model that lowers its text and drops accents. `most_tokens`, at least
  // 3, is what the model reads of a text. INVALID_ARGUMENT if no piece begins a word.
  static absl::StatusOr<WordPieces> FromVocabulary(std::string_view text, std::uint32_t most_tokens);

  // The tokens of a text in UTF-8, with the two that stand around it; at most `most_tokens`. The work is bounded by the
  // characters of the text and by the longest piece, and ends when `most_tokens` is reached.
  std::uint32_t Count(std::string_view text) const;

 private:
  class Counter;

  WordPieces() = default;
  // The pieces of a word; 1, an unknown token, if there are none.
  std::uint32_t PiecesOf(std::string_view word) const;

  absl::flat_hash_set<std::string> beginnings_;
  absl::flat_hash_set<std::string> continuations_;  // without "##"
  std::size_t longest_bytes_ = 0;
  std::uint32_t most_tokens_ = 0;
  bool lowers_ = true;
};

}  // namespace smartbatch::protocol
