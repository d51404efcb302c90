#include "fake_cuda/device_object.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <string_view>
#include <utility>

namespace fake_cuda {
namespace {

constexpr std::string_view kMagic = "fakecuda";
constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::size_t kTokenLength = 32;
constexpr std::size_t kMostBytes = std::size_t{64} << 30;
constexpr std::size_t kPage = 4096;

std::string RandomToken() {
  std::array<unsigned char, kTokenLength / 2> bytes{};
  (void)::getrandom(bytes.data(), bytes.size(), 0);
  std::string token;
  for (const unsigned char byte : bytes) {
    token += kDigits[byte >> 4];
    token += kDigits[byte & 15];
  }
  return token;
}

std::string NameOf(const std::string& token) { return "/fake_cuda_" + token; }

// One page more than needed stays reserved behind it: what runs over the end meets no neighbour.
std::size_t Reserved(std::size_t total) { return (total + kPage - 1) / kPage * kPage; }

}  // namespace

struct DeviceObject::Header {
  std::uint64_t byte_size;
  std::int32_t device;
  std::int32_t owner;
  std::atomic<std::uint32_t> ended;
};

DeviceObject::DeviceObject(std::string token, int file, std::size_t total) : token_(std::move(token)), total_(total) {
  if (!Map(file) && mapped_ != nullptr) {
    (void)::munmap(mapped_, total_);
    mapped_ = nullptr;
  }
}

bool DeviceObject::Map(int file) {
  void* const mapped = ::mmap(nullptr, total_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) {
    return false;
  }
  mapped_ = static_cast<std::byte*>(mapped);
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* const reserved = ::mmap(nullptr, Reserved(total_), PROT_NONE, flags, -1, 0);
  if (reserved == MAP_FAILED) {
    return false;
  }
  address_ = reinterpret_cast<DevicePointer>(reserved);
  return true;
}

DeviceObject::~DeviceObject() {
  if (mapped_ != nullptr) {
    (void)::munmap(mapped_, total_);
    (void)::munmap(reinterpret_cast<void*>(address_), Reserved(total_));
  }
}

std::unique_ptr<DeviceObject> DeviceObject::Create(int device, std::size_t byte_size) {
  if (byte_size > kMostBytes) {
    return nullptr;
  }
  const std::string token = RandomToken();
  const int file = ::shm_open(NameOf(token).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) {
    return nullptr;
  }
  std::unique_ptr<DeviceObject> object;
  if (::ftruncate(file, static_cast<off_t>(kHeaderByteSize + byte_size)) == 0) {
    object.reset(new DeviceObject(token, file, kHeaderByteSize + byte_size));
  }
  (void)::close(file);
  if (object == nullptr || object->mapped_ == nullptr) {
    (void)::shm_unlink(NameOf(token).c_str());
    return nullptr;
  }
  object->header()->byte_size = byte_size;
  object->header()->device = device;
  object->header()->owner = ::getpid();
  return object;
}

std::unique_ptr<DeviceObject> DeviceObject::Open(const std::string& token) {
  const int file = ::shm_open(NameOf(token).c_str(), O_RDWR | O_CLOEXEC, 0);
  if (file < 0) {
    return nullptr;
  }
  struct stat status{};
  std::unique_ptr<DeviceObject> object;
  if (::fstat(file, &status) == 0 && static_cast<std::size_t>(status.st_size) > kHeaderByteSize) {
    object.reset(new DeviceObject(token, file, static_cast<std::size_t>(status.st_size)));
  }
  (void)::close(file);
  return object != nullptr && object->mapped_ != nullptr ? std::move(object) : nullptr;
}

std::size_t DeviceObject::byte_size() const { return header()->byte_size; }
int DeviceObject::device() const { return header()->device; }
bool DeviceObject::own() const { return header()->owner == ::getpid(); }
bool DeviceObject::ended() const { return header()->ended != 0; }

void DeviceObject::End() {
  header()->ended = 1;
  (void)::shm_unlink(NameOf(token_).c_str());
}

IpcHandle HandleOf(const std::string& token) {
  IpcHandle handle{};
  std::memcpy(handle.bytes, kMagic.data(), kMagic.size());
  std::memcpy(handle.bytes + kMagic.size(), token.data(), kTokenLength);
  return handle;
}

std::optional<std::string> TokenOf(const IpcHandle& handle) {
  const std::string_view bytes(reinterpret_cast<const char*>(handle.bytes), sizeof(handle.bytes));
  const std::string_view token = bytes.substr(kMagic.size(), kTokenLength);
  const std::string_view rest = bytes.substr(kMagic.size() + kTokenLength);
  const bool ours = bytes.starts_with(kMagic) && token.find_first_not_of(kDigits) == std::string_view::npos &&
                    rest.find_first_not_of('\0') == std::string_view::npos;
  return ours ? std::optional(std::string(token)) : std::nullopt;
}

}  // namespace fake_cuda
