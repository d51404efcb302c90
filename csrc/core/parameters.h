// Parameters of requests, responses and tensors (parameters extension).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace triton_lite {

using ParameterValue = std::variant<bool, std::int64_t, std::uint64_t, double, std::string>;

// In the order in which they came: there are few, so a search is cheaper than a map.
class Parameters {
 public:
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }
  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

  const ParameterValue* Find(std::string_view name) const {
    const auto it = std::find_if(items_.begin(), items_.end(), [&](const auto& item) { return item.first == name; });
    return it == items_.end() ? nullptr : &it->second;
  }

  // For a name that is known to be new: Set looks at every name there is.
  void Append(std::string name, ParameterValue value) { items_.emplace_back(std::move(name), std::move(value)); }

  // Replaces a value of the same name.
  void Set(std::string name, ParameterValue value) {
    for (auto& item : items_) {
      if (item.first == name) {
        item.second = std::move(value);
        return;
      }
    }
    items_.emplace_back(std::move(name), std::move(value));
  }

 private:
  std::vector<std::pair<std::string, ParameterValue>> items_;
};

}  // namespace triton_lite
