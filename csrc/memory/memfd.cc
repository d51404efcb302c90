#include "memory/memfd.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace triton_lite {
namespace {

constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;
constexpr std::uint64_t kPageByteSize = 4096;

Status SystemError(const std::string& what) {
  return Unavailable(what + ": " + std::generic_category().message(errno));
}

}  // namespace

Result<FileDescriptor> CreateMemfd(const char* name, std::size_t byte_size) {
  FileDescriptor fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid() || ftruncate(fd.get(), static_cast<off_t>(byte_size)) != 0 ||
      fcntl(fd.get(), F_ADD_SEALS, kSizeSeals | F_SEAL_SEAL) != 0) {
    return SystemError("unable to create " + std::to_string(byte_size) + " bytes of shared memory");
  }
  return fd;
}

Result<std::size_t> SealedByteSize(int fd) {
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kSizeSeals) != kSizeSeals || (seals & F_SEAL_WRITE) != 0) {
    return InvalidArgument("shared memory of a peer must be a memfd that is sealed against shrinking and growing");
  }
  // A memfd of huge pages could still fault when there are none left.
  struct statfs file_system{};
  struct stat file{};
  if (fstatfs(fd, &file_system) != 0 || file_system.f_type != TMPFS_MAGIC || fstat(fd, &file) != 0 ||
      file.st_size <= 0) {
    return InvalidArgument("shared memory of a peer must be a memfd of ordinary pages");
  }
  return static_cast<std::size_t>(file.st_size);
}

void PunchHole(int fd, std::uint64_t offset, std::uint64_t byte_size) {
  const std::uint64_t begin = (offset + kPageByteSize - 1) / kPageByteSize * kPageByteSize;
  const std::uint64_t end = (offset + byte_size) / kPageByteSize * kPageByteSize;
  if (begin < end) {
    // Failure leaves the pages where they are: a waste, never an error.
    (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
                    static_cast<off_t>(end - begin));
  }
}

Result<std::shared_ptr<Mapping>> Mapping::Map(int fd, std::size_t byte_size) {
  void* data = mmap(nullptr, byte_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) {
    return SystemError("unable to map " + std::to_string(byte_size) + " bytes of shared memory");
  }
  return std::make_shared<Mapping>(static_cast<std::byte*>(data), byte_size);
}

Mapping::~Mapping() { munmap(data_, size_); }

}  // namespace triton_lite
