// Regions by name, and what becomes of those that are unregistered while requests use them.
#include "engine/region_registry.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "memory/file_descriptor.h"

using namespace triton_lite;

namespace {

// An object of shared memory, unlinked at the end.
class Object {
 public:
  explicit Object(const char* name) : key_("/tl_registry_" + std::to_string(::getpid()) + "_" + name) {
    const FileDescriptor file(::shm_open(key_.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
    CHECK_EQ(::ftruncate(file.get(), 64), 0);
  }
  ~Object() { (void)::shm_unlink(key_.c_str()); }
  RegionInfo As(const std::string& name) const { return {name, key_, 0, 64}; }

 private:
  const std::string key_;
};

std::size_t Count(const RegionRegistry& regions) { return regions.List(RegionKind::kSystem, "")->size(); }

RegionRegistry::Part Use(const RegionRegistry& regions, const std::string& name) {
  auto part = regions.Find(name, 0, 64);
  CHECK(part.ok());
  return *std::move(part);
}

}  // namespace

TEST(NamesAreTakenOnce) {
  const Object object("names");
  RegionRegistry regions;
  CHECK(regions.RegisterSystem(object.As("a")).ok());
  CHECK(regions.RegisterSystem(object.As("b")).ok());
  CHECK(regions.RegisterSystem(object.As("a")) ==
        Status(Code::kAlreadyExists, "shared memory region 'a' already in manager"));
  CHECK_EQ(Count(regions), std::size_t{2});
  regions.Unregister(RegionKind::kCuda, "a");
  CHECK_EQ(Count(regions), std::size_t{2});
  regions.Unregister(RegionKind::kSystem, "a");
  regions.Unregister(RegionKind::kSystem, "a");
  CHECK_EQ(regions.List(RegionKind::kSystem, "")->front().name, "b");
  CHECK(regions.Find("a", 0, 1).status() == NotFound("Unable to find shared memory region: 'a'"));
  CHECK(regions.RegisterSystem(object.As("a")).ok());
}

TEST(WhatIsInUseLeavesWithItsLastUse) {
  for (const bool all : {false, true}) {
    const Object object("use");
    RegionRegistry regions;
    CHECK(regions.RegisterSystem(object.As("used")).ok());
    CHECK(regions.RegisterSystem(object.As("idle")).ok());
    std::optional<RegionRegistry::Part> first = Use(regions, "used");
    for (int i = 0; i < 2; ++i) {  // The second time says nothing new.
      if (all) {
        regions.UnregisterAll(RegionKind::kSystem);
      } else {
        regions.Unregister(RegionKind::kSystem, "used");
        regions.Unregister(RegionKind::kSystem, "idle");
      }
    }
    CHECK_EQ(Count(regions), std::size_t{1});
    CHECK(regions.RegisterSystem(object.As("used")).code() == Code::kAlreadyExists);
    std::optional<RegionRegistry::Part> second = Use(regions, "used");
    CHECK(second->place.data == first->place.data);
    first.reset();
    CHECK(regions.Find("used", 0, 64).ok());
    second->use.reset();
    CHECK_EQ(Count(regions), std::size_t{0});
    CHECK(regions.Find("used", 0, 64).status().code() == Code::kNotFound);
    CHECK(regions.List(RegionKind::kSystem, "used").status().code() == Code::kNotFound);
    CHECK(regions.RegisterSystem(object.As("used")).ok());
    second->place.data[63] = std::byte{1};  // Memory that somebody still holds stays where it is.
    CHECK(Use(regions, "used").place.data[63] == std::byte{1});
    CHECK(Use(regions, "used").place.data != second->place.data);
  }
}

TEST(UsersAndOwnersRace) {
  const Object object("race");
  RegionRegistry regions;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const std::string name = std::to_string((t + i) % 3);
        (void)regions.RegisterSystem(object.As(name));
        const auto part = regions.Find(name, 0, 64);
        CHECK(part.ok() || part.status().code() == Code::kNotFound);
        regions.Unregister(RegionKind::kSystem, name);
        (void)regions.List(RegionKind::kSystem, "");
        if (part.ok()) {
          part->place.data[t] = std::byte{1};
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  regions.UnregisterAll(RegionKind::kSystem);
  CHECK_EQ(Count(regions), std::size_t{0});
}

TEST_MAIN()
