// The tokens of a text for a model of BERT's family, by the model's own vocabulary. Immutable, thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace smartbatch {

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

  // The ids of the tokens that Count counts: the lines of their pieces in the vocabulary, counted from 0. The first is
  // that of [CLS], the last that of [SEP]; of a longer text the tokens before the last are left out. Requires:
  // CanEncode is OK.
  std::vector<std::int64_t> Encode(std::string_view text) const;
  // INVALID_ARGUMENT, naming the token, if the vocabulary has no [CLS], [SEP] or [UNK].
  absl::Status CanEncode() const;

  // The number of lines of the vocabulary: every id is below it.
  std::uint32_t size() const { return lines_; }

 private:
  class Splitter;
  using Pieces = absl::flat_hash_map<std::string, std::uint32_t>;  // with their ids

  WordPieces() = default;
  // Splits a text and adds the ids between the first and the last to `ids`, unless it is null. Returns the number of
  // tokens, which may be above the most.
  std::uint32_t Split(std::string_view text, std::vector<std::int64_t>* ids) const;
  // The pieces of a word; 1, an unknown token, if there are none. Adds their ids to `ids`, unless it is null.
  std::uint32_t PiecesOf(std::string_view word, std::vector<std::int64_t>* ids) const;
  // Of a special token; 0 if the vocabulary has none.
  std::int64_t IdOf(std::string_view special) const;

  Pieces beginnings_;
  Pieces continuations_;  // without "##"
  std::size_t longest_bytes_ = 0;
  std::uint32_t lines_ = 0;
  std::uint32_t most_tokens_ = 0;
  bool lowers_ = true;
};

}  // namespace smartbatch
