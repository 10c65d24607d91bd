// Standard output and standard error of a program that must go on if nobody reads them.
#pragma once

#include <string>
#include <string_view>

namespace smartbatch::program {

// A reader that has gone is an error of write() from then on, and no signal that ends the program. Call it first in
// main().
void IgnoreBrokenPipes();

// Writes all of it, however long the reader makes it wait; false if that is impossible. Thread safe.
bool WriteAll(int descriptor, std::string_view text);

// The same, but waits for the reader at most a second; afterwards a thread of its own goes on writing. Thread safe.
void WritePatiently(int descriptor, std::string text);

}  // namespace smartbatch::program
