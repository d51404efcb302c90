// Recognises by address the memory that AllocateBody gave out.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <utility>

#include "core/buffer.h"
#include "core/mutex.h"

namespace triton_lite {

// Thread-safe. Shared by the bodies, which take themselves out of it.
class BodyRegistry : public std::enable_shared_from_this<BodyRegistry> {
 public:
  // `memory` with an owner that the registry knows.
  Buffer Register(Buffer memory) EXCLUDES(mu_) {
    auto body = std::make_shared<Body>(shared_from_this(), memory);
    MutexLock lock(mu_);
    bodies_[memory.data] = {memory.size, body};
    memory.owner = std::move(body);
    return memory;
  }

  // What keeps `bytes` in place; null when they are not inside a body.
  std::shared_ptr<void> OwnerOf(Bytes bytes) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    auto it = bodies_.upper_bound(bytes.data());
    if (it == bodies_.begin()) {
      return nullptr;
    }
    --it;
    const auto offset = static_cast<std::size_t>(bytes.data() - it->first);
    const bool inside = offset <= it->second.size && bytes.size() <= it->second.size - offset;
    return inside ? it->second.owner.lock() : nullptr;
  }

 private:
  struct Known {
    std::size_t size = 0;
    std::weak_ptr<void> owner;
  };

  struct Body {
    Body(std::shared_ptr<BodyRegistry> known_to, Buffer owned)
        : registry(std::move(known_to)), memory(std::move(owned)) {}
    ~Body() {
      MutexLock lock(registry->mu_);
      registry->bodies_.erase(memory.data);
    }
    const std::shared_ptr<BodyRegistry> registry;
    const Buffer memory;
  };

  Mutex mu_;
  std::map<const std::byte*, Known> bodies_ GUARDED_BY(mu_);
};

}  // namespace triton_lite
