// Wrong answers of a classifier, which no caller may see.
#pragma once

#include "tests/support/raw_classifier.h"

namespace smartbatch::testing {

// One result too few.
RawClassifier::Answer OneResultTooFew();

// In turn: the right answer cut by one byte, cut by ten, garbage, with a label that is not UTF-8, and with a confidence
// that is not a number.
RawClassifier::Answer DamagedReplies();

// In turn: a label of 5 MB, an error with a text of 20 kB, and one with trailers of 20 kB, both with a code that blames
// the content.
RawClassifier::Answer OversizedReplies();

}  // namespace smartbatch::testing
