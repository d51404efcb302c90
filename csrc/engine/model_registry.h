// Which version of which model serves a name right now.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/mutex.h"
#include "core/status.h"
#include "engine/served_model.h"

namespace triton_lite {

// "" is the latest version (-1). Errors as Triton's: INVALID_ARGUMENT for what is no number or is negative.
Result<std::int64_t> ParseModelVersion(std::string_view text);

// Thread-safe. A name is replaced as a whole, so that readers see either the old or the new set of versions.
class ModelRegistry {
 public:
  using Versions = std::map<std::int64_t, ServedModelPtr>;

  // The highest ready version for -1. NOT_FOUND "Request for unknown model: …", UNAVAILABLE for a version that is
  // known but not ready.
  Result<ServedModelPtr> Find(std::string_view name, std::int64_t version) const;

  // Serves `ready` under `name`; `unready` versions exist but failed to load or were unloaded.
  // Returns what no longer serves.
  std::vector<ServedModelPtr> Publish(const std::string& name, Versions ready, std::vector<std::int64_t> unready);

  // From here on `name` stands for whatever `target` serves, or is answered by `refusal`. Only for names that nothing
  // was published under.
  void Alias(const std::string& name, std::string target);
  void Refuse(const std::string& name, Status refusal);
  // What was refused is not known any more.
  void EndRefusal(const std::string& name);

  // The versions of `name` become unready.
  std::vector<ServedModelPtr> Retract(const std::string& name);
  std::vector<ServedModelPtr> RetractAll();

 private:
  struct Entry {
    Versions ready;
    std::vector<std::int64_t> unready;
    std::string target;  // Of an alias.
    Status refusal;      // OK: there is none.
  };

  static std::vector<ServedModelPtr> TakeReady(Entry* entry);

  mutable Mutex mu_;
  std::map<std::string, Entry, std::less<>> entries_ GUARDED_BY(mu_);
};

}  // namespace triton_lite
