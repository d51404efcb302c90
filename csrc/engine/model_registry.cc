#include "engine/model_registry.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "engine/quoted.h"

namespace triton_lite {
namespace {

Status UnknownModel(std::string_view name, std::string_view rest) {
  return NotFound("Request for unknown model: " + Quoted(name) + std::string(rest));
}

}  // namespace

Result<std::int64_t> ParseModelVersion(std::string_view text) {
  if (text.empty()) {
    return std::int64_t{-1};
  }
  // As std::stol reads: leading blanks and whatever follows the digits are no error.
  const std::string copy(text);
  char* end = nullptr;
  errno = 0;
  const long long version = std::strtoll(copy.c_str(), &end, 10);
  if (end == copy.c_str() || errno == ERANGE) {
    return InvalidArgument("failed to get model version from specified version string '" + copy +
                           "' (details: stol), version should be an integral value > 0");
  }
  if (version < 0) {
    return InvalidArgument("invalid model version specified '" + copy + "' , version should be an integral value > 0");
  }
  return static_cast<std::int64_t>(version);
}

Result<ServedModelPtr> ModelRegistry::Find(std::string_view name, std::int64_t version) const {
  MutexLock lock(mu_);
  auto found = entries_.find(name);
  if (found != entries_.end() && !found->second.target.empty()) {
    found = entries_.find(found->second.target);
  }
  if (found == entries_.end()) {
    return UnknownModel(name, " is not found");
  }
  const Entry& entry = found->second;
  if (!entry.refusal.ok()) {
    return entry.refusal;
  }
  if (version == -1) {
    if (entry.ready.empty()) {
      return UnknownModel(name, " has no available versions");
    }
    return entry.ready.rbegin()->second;
  }
  if (const auto ready = entry.ready.find(version); ready != entry.ready.end()) {
    return ready->second;
  }
  const std::string version_text = " version " + std::to_string(version);
  if (std::find(entry.unready.begin(), entry.unready.end(), version) != entry.unready.end()) {
    return Unavailable("Request for unknown model: " + Quoted(name) + version_text + " is not at ready state");
  }
  return UnknownModel(name, version_text + " is not found");
}

std::vector<ServedModelPtr> ModelRegistry::Publish(const std::string& name, Versions ready,
                                                   std::vector<std::int64_t> unready) {
  std::vector<ServedModelPtr> replaced;
  MutexLock lock(mu_);
  Entry& entry = entries_[name];
  for (auto& [version, model] : entry.ready) {
    const auto kept = ready.find(version);
    if (kept == ready.end() || kept->second != model) {
      replaced.push_back(std::move(model));
    }
  }
  entry = Entry{std::move(ready), std::move(unready), {}, {}};
  return replaced;
}

void ModelRegistry::Alias(const std::string& name, std::string target) {
  MutexLock lock(mu_);
  Entry entry;
  entry.target = std::move(target);
  entries_[name] = std::move(entry);
}

void ModelRegistry::Refuse(const std::string& name, Status refusal) {
  MutexLock lock(mu_);
  Entry entry;
  entry.refusal = std::move(refusal);
  entries_[name] = std::move(entry);
}

void ModelRegistry::EndRefusal(const std::string& name) {
  MutexLock lock(mu_);
  if (const auto found = entries_.find(name); found != entries_.end() && !found->second.refusal.ok()) {
    entries_.erase(found);
  }
}

std::vector<ServedModelPtr> ModelRegistry::Retract(const std::string& name) {
  MutexLock lock(mu_);
  const auto found = entries_.find(name);
  return found == entries_.end() ? std::vector<ServedModelPtr>() : TakeReady(&found->second);
}

std::vector<ServedModelPtr> ModelRegistry::RetractAll() {
  std::vector<ServedModelPtr> all;
  MutexLock lock(mu_);
  for (auto& [name, entry] : entries_) {
    for (ServedModelPtr& model : TakeReady(&entry)) {
      all.push_back(std::move(model));
    }
  }
  return all;
}

std::vector<ServedModelPtr> ModelRegistry::TakeReady(Entry* entry) {
  std::vector<ServedModelPtr> taken;
  for (auto& [version, model] : entry->ready) {
    taken.push_back(std::move(model));
    entry->unready.push_back(version);
  }
  entry->ready.clear();
  return taken;
}

}  // namespace triton_lite
