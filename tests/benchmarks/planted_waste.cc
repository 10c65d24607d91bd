// A library for LD_PRELOAD that makes a program wasteful: with each message that it sends it takes and returns four
// blocks of memory, and makes a system call for nothing. It shows that the test of allocations and system calls can
// fail.
#include <cstddef>
#include <cstdlib>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc's names are reserved
extern "C" ssize_t sendmsg(int socket, const msghdr* message, int flags) {
  for (int i = 0; i < 4; ++i) {
    void* volatile memory = std::malloc(64);  // volatile: the compiler may not leave it out
    std::free(memory);
  }
  syscall(SYS_getppid);
  return syscall(SYS_sendmsg, socket, message, flags);
}
