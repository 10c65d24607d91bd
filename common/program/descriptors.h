// How many files and connections the process may have open.
#pragma once

namespace smartbatch::program {

// Raises the limit on open descriptors to the most that the system allows this process. A shell starts a program with
// 1,024, for the sake of programs that use select(), which would bound the connections of a server. If it fails,
// nothing changes.
void RaiseDescriptorLimit();

}  // namespace smartbatch::program
