// A text to cut sequences from if there is no folder with better ones: prose and code in turn.
#pragma once

#include <string_view>

namespace smartbatch::loadgen {

std::string_view BuiltinText();

}  // namespace smartbatch::loadgen
