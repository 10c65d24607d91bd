// Answers of a classifier that no caller may see.
#pragma once

#include "tests/support/raw_classifier.h"

namespace smartbatch::testing {

// One result too few.
RawClassifier::Answer OneResultTooFew();

// In turn: the right answer cut by one byte, cut by ten, garbage, with a label that is not UTF-8, and with a confidence
// that is no number.
RawClassifier::Answer DamagedReplies();

// In turn: a label of 5 MB, and an error whose text, and one whose trailers, have 20 kB and the code says that it is
// the content.
RawClassifier::Answer OversizedReplies();

}  // namespace smartbatch::testing
