// Anonymous shared memory (memfd) of a size that nobody can change any more, and its mappings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/bytes.h"
#include "core/status.h"
#include "memory/file_descriptor.h"

namespace triton_lite {

// Sparse (pages come when touched), zeroed, sealed against shrinking and growing: a mapping of it never faults,
// whatever the process on the other side does. `name` shows up in /proc/PID/maps only. UNAVAILABLE on failure.
Result<FileDescriptor> CreateMemfd(const char* name, std::size_t byte_size);

// The size of a memfd that came from another process; INVALID_ARGUMENT unless it is ordinary memory, sealed as above.
Result<std::size_t> SealedByteSize(int fd);

// Gives the pages wholly inside [offset, offset + byte_size) back to the system; they read as zeros afterwards.
void PunchHole(int fd, std::uint64_t offset, std::uint64_t byte_size);

// A shared, writable mapping of a whole memfd. Shared by everybody who still reads from it.
class Mapping {
 public:
  static Result<std::shared_ptr<Mapping>> Map(int fd, std::size_t byte_size);
  Mapping(std::byte* data, std::size_t byte_size) : data_(data), size_(byte_size) {}
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool Contains(Bytes bytes) const {
    return bytes.data() >= data_ && bytes.size() <= size_ &&
           static_cast<std::size_t>(bytes.data() - data_) <= size_ - bytes.size();
  }

 private:
  std::byte* data_;
  std::size_t size_;
};

}  // namespace triton_lite
