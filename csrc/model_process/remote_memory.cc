#include "model_process/remote_memory.h"

#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>

namespace triton_lite::model_process {
namespace {

ssize_t ReadOnce(pid_t process_id, int file, std::uint64_t place, MutableBytes into) {
  if (file >= 0) {
    return ::pread(file, into.data(), into.size(), static_cast<off_t>(place));
  }
  const iovec local{into.data(), into.size()};
  const iovec remote{reinterpret_cast<void*>(place), into.size()};
  return ::process_vm_readv(process_id, &local, 1, &remote, 1, 0);
}

}  // namespace

Status RemoteMemory::Read(std::uint64_t place, MutableBytes into) const {
  while (!into.empty()) {
    const ssize_t size = ReadOnce(process_id_, file_, place, into);
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size <= 0) {
      const std::string why = size == 0 ? "it ended too early" : std::generic_category().message(errno);
      return Internal("failed to read a tensor from the memory of the model's process: " + why);
    }
    into = into.subspan(static_cast<std::size_t>(size));
    place += static_cast<std::uint64_t>(size);
  }
  return {};
}

bool MayReadMemoryOf(pid_t process_id) {
  std::ifstream maps("/proc/" + std::to_string(process_id) + "/maps");
  std::uint64_t address = 0;
  if (!(maps >> std::hex >> address)) {
    return false;
  }
  std::byte byte{};
  return ReadOnce(process_id, -1, address, MutableBytes(&byte, 1)) == 1;
}

}  // namespace triton_lite::model_process
