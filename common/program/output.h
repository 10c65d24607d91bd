// Writing to standard output and standard error in a program that must go on even if nobody reads them.
#pragma once

#include <string>
#include <string_view>

namespace smartbatch::program {

// From then on, a reader that has gone makes write() fail; no signal ends the program. Call it first in main().
void IgnoreBrokenPipes();

// Writes the whole text, however long the reader makes it wait. Returns false if it cannot be written. Thread safe.
bool WriteAll(int descriptor, std::string_view text);

// The same, but returns after at most a second; a thread of its own then goes on writing. Thread safe.
void WritePatiently(int descriptor, std::string text);

}  // namespace smartbatch::program
