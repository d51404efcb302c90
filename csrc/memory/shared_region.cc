#include "memory/shared_region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "memory/file_descriptor.h"

namespace triton_lite {
namespace {

// Objects of Triton's Python backend, and of anything here that uses such objects.
constexpr std::string_view kReserved[] = {"triton_python_backend_shm_region_", "triton_lite_"};

// Everything else that is no name of an object is left to shm_open, which opens nothing for it.
Status CheckKey(const std::string& name, const std::string& key) {
  if (key.find_first_not_of('/') == std::string::npos || key.find('\0') != std::string::npos) {
    return InvalidArgument("cannot register shared memory region '" + name + "' - invalid shm key '" + key + "'");
  }
  return {};
}

Status CheckReserved(const std::string& name, const std::string& key) {
  const std::string_view object = std::string_view(key).substr(key.find_first_not_of('/'));
  for (const std::string_view prefix : kReserved) {
    if (object.starts_with(prefix)) {
      return InvalidArgument("cannot register shared memory region '" + name + "' with key '" + key +
                             "' as the key contains the reserved prefix '" + std::string(prefix) + "'");
    }
  }
  return {};
}

Status CheckSize(const FileDescriptor& file, const std::string& name, const std::string& key, std::uint64_t offset,
                 std::uint64_t byte_size, struct stat* found) {
  struct stat& status = *found;
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < 0) {
    return Internal("Invalid shared memory region: '" + key + "'");
  }
  const auto there = static_cast<std::uint64_t>(status.st_size);
  if (offset > there || byte_size > there - offset) {
    return InvalidArgument("failed to register shared memory region '" + name + "': invalid args");
  }
  return {};
}

}  // namespace

Result<SharedRegionPtr> SharedRegion::Map(const std::string& name, const std::string& key, std::uint64_t offset,
                                          std::uint64_t byte_size) {
  RETURN_IF_ERROR(CheckKey(name, key));
  RETURN_IF_ERROR(CheckReserved(name, key));
  // Non-blocking: what lies under the name may be anything, a pipe that nobody writes to included.
  const FileDescriptor file(::shm_open(key.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC, 0));
  if (!file.valid()) {
    return Internal("Unable to open shared memory region: '" + key + "'");
  }
  struct stat object = {};
  RETURN_IF_ERROR(CheckSize(file, name, key, offset, byte_size, &object));
  void* const mapped =
      ::mmap(nullptr, byte_size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), static_cast<off_t>(offset));
  if (mapped == MAP_FAILED) {
    return InvalidArgument("failed to register shared memory region '" + name + "': unable to process address space" +
                           std::strerror(errno));
  }
  auto* const data = static_cast<std::byte*>(mapped);
  Result<FaultGuard> guard = FaultGuard::Watch(data, byte_size);
  if (!guard.ok()) {
    (void)::munmap(mapped, byte_size);
    return guard.status();
  }
  const Origin origin{object.st_dev, object.st_ino, offset};
  return SharedRegionPtr(new SharedRegion(data, byte_size, origin, *std::move(guard)));
}

SharedRegion::SharedRegion(std::byte* data, std::size_t byte_size, const Origin& origin, FaultGuard guard)
    : origin_(origin), data_(data), byte_size_(byte_size), guard_(std::move(guard)) {}

std::uint64_t SharedRegion::PositionOf(Bytes bytes) const {
  return origin_.offset + static_cast<std::uint64_t>(bytes.data() - data_);
}

bool SharedRegion::Overlaps(Bytes a, const SharedRegion& other, Bytes b) const {
  if (origin_.device != other.origin_.device || origin_.inode != other.origin_.inode) {
    return false;
  }
  const std::uint64_t first = PositionOf(a);
  const std::uint64_t second = other.PositionOf(b);
  return first < second + b.size() && second < first + a.size();
}

SharedRegion::~SharedRegion() {
  guard_.reset();  // From here on the addresses may be somebody else's.
  (void)::munmap(data_, byte_size_);
}

}  // namespace triton_lite
