// How many files and connections the process may have open.
#pragma once

namespace smartbatch::program {

// Takes all that the system lets this process have: a shell gives 1,024 to begin with, for the sake of programs that
// use select(), and that would be the bound on the connections of a server. Where it fails nothing changes.
void RaiseDescriptorLimit();

}  // namespace smartbatch::program
