#include "memory/shared_region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "memory/file_descriptor.h"

using namespace triton_lite;

namespace {

constexpr std::size_t kPage = 4096;

// An object of shared memory, as a client makes it.
class Object {
 public:
  Object(std::string key, std::size_t byte_size)
      : key_(std::move(key)), file_(::shm_open(key_.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600)) {
    CHECK(file_.valid());
    Resize(byte_size);
  }
  ~Object() { (void)::shm_unlink(key_.c_str()); }

  void Resize(std::size_t byte_size) { CHECK_EQ(::ftruncate(file_.get(), static_cast<off_t>(byte_size)), 0); }
  const std::string& key() const { return key_; }

 private:
  const std::string key_;
  FileDescriptor file_;
};

std::string Key(const char* name) { return "/tl_test_" + std::to_string(::getpid()) + "_" + name; }

Status MapError(const std::string& key, std::uint64_t offset, std::uint64_t byte_size) {
  const auto region = SharedRegion::Map("r", key, offset, byte_size);
  return region.ok() ? Status() : region.status();
}

}  // namespace

TEST(MapsWhatOthersWrite) {
  const Object object(Key("maps"), 3 * kPage);
  const auto first = *SharedRegion::Map("a", object.key(), 0, 3 * kPage);
  const auto second = *SharedRegion::Map("b", object.key(), kPage, 100);
  std::memcpy(first->data() + kPage, "hello", 5);
  CHECK_EQ(std::memcmp(second->data(), "hello", 5), 0);
  CHECK_EQ(second->size(), std::size_t{100});
  CHECK(!first->damaged());
}

TEST(RefusesWhatCannotBeMapped) {
  const Object object(Key("refuses"), 256);
  const std::string failed = "failed to register shared memory region 'r': ";
  CHECK_EQ(MapError(object.key(), 0, 257).message(), failed + "invalid args");
  CHECK_EQ(MapError(object.key(), 257, 0).message(), failed + "invalid args");
  CHECK_EQ(MapError(object.key(), ~std::uint64_t{0}, 2).message(), failed + "invalid args");
  CHECK_EQ(MapError(object.key(), 2, ~std::uint64_t{0}).message(), failed + "invalid args");
  CHECK_EQ(MapError(object.key(), 64, 64).message(), failed + "unable to process address spaceInvalid argument");
  CHECK_EQ(MapError(object.key(), 0, 0).message(), failed + "unable to process address spaceInvalid argument");
}

TEST(RefusesKeysThatNameNoObject) {
  for (const char* key : {"/none_such", "/a/b", "..", ".", "a/../b"}) {
    const Status status = MapError(key, 0, 1);
    CHECK(status.code() == Code::kInternal);
    CHECK_EQ(status.message(), "Unable to open shared memory region: '" + std::string(key) + "'");
  }
  for (const std::string& key : {std::string(), std::string("///"), std::string("/a\0b", 4)}) {
    const Status status = MapError(key, 0, 1);
    CHECK(status.code() == Code::kInvalidArgument);
    CHECK_EQ(status.message(), "cannot register shared memory region 'r' - invalid shm key '" + key + "'");
  }
  // Whether something lies there is not told.
  const std::string prefix = "triton_python_backend_shm_region_";
  const Object reserved("/" + prefix + std::to_string(::getpid()), 256);
  for (const std::string& key : {reserved.key(), prefix + "none", "/" + prefix + "none", "///" + prefix + "none"}) {
    const Status status = MapError(key, 0, 256);
    CHECK(status.code() == Code::kInvalidArgument);
    CHECK_EQ(status.message(), "cannot register shared memory region 'r' with key '" + key +
                                   "' as the key contains the reserved prefix '" + prefix + "'");
  }
}

TEST(RefusesWhatIsNoRegularFile) {
  const std::string key = Key("pipe");
  const std::string path = "/dev/shm" + key;
  CHECK_EQ(::mkfifo(path.c_str(), 0600), 0);
  CHECK_EQ(MapError(key, 0, 1).message(), "Invalid shared memory region: '" + key + "'");
  (void)::unlink(path.c_str());
}

TEST(SurvivesTruncation) {
  Object object(Key("truncated"), 4 * kPage);
  const auto region = *SharedRegion::Map("r", object.key(), 0, 4 * kPage);
  const auto untouched = *SharedRegion::Map("u", object.key(), 0, kPage);
  std::memset(region->data(), 1, region->size());
  object.Resize(kPage);
  CHECK(!region->damaged());
  CHECK(region->data()[2 * kPage] == std::byte{0});
  CHECK(region->damaged());
  region->data()[3 * kPage] = std::byte{7};
  CHECK(region->data()[0] == std::byte{1});
  object.Resize(4 * kPage);
  CHECK(region->damaged());  // Grown again, it is still not what the client sees.
  CHECK(!untouched->damaged());
}

TEST(SurvivesTruncationOnManyThreads) {
  for (int round = 0; round < 20; ++round) {
    Object object(Key("threads"), 64 * kPage);
    const auto region = *SharedRegion::Map("r", object.key(), 0, 64 * kPage);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t) {
      // Each in its own quarter: the pages of the others are taken away under it, too.
      threads.emplace_back([&, quarter = region->data() + t * 16 * kPage] {
        std::vector<std::byte> copy(16 * kPage);
        for (std::size_t i = 0; i < 20; ++i) {
          std::memcpy(copy.data(), quarter, copy.size());
          quarter[i % 16 * kPage] = std::byte{1};
        }
      });
    }
    object.Resize(0);
    for (std::thread& thread : threads) {
      thread.join();
    }
    CHECK(region->data()[63 * kPage] == std::byte{0} || region->data()[63 * kPage] == std::byte{1});
    CHECK(region->damaged());
  }
}

TEST(PlacesOfRegionsAreUsedAgain) {
  Object object(Key("again"), kPage);
  for (int i = 0; i < 20000; ++i) {  // More than can be watched at a time.
    const auto region = SharedRegion::Map("r", object.key(), 0, kPage);
    CHECK(region.ok() && !(*region)->damaged());
  }
}

TEST_MAIN()
