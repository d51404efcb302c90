// Enumerations travel to Python as their numbers (those of protos/model_config.proto).
#pragma once

#include <pybind11/pybind11.h>

#include <string>

namespace triton_lite::bindings {

template <typename Class, typename Enum>
auto Get(Enum Class::* field) {
  return [field](const Class& self) { return static_cast<int>(self.*field); };
}

template <typename Enum>
Enum CheckedEnum(int value, Enum last) {
  if (value < 0 || value > static_cast<int>(last)) {
    throw pybind11::value_error("no such enumeration value: " + std::to_string(value));
  }
  return static_cast<Enum>(value);
}

template <typename Class, typename Enum>
auto Set(Enum Class::* field, Enum last) {
  return [field, last](Class& self, int value) { self.*field = CheckedEnum(value, last); };
}

}  // namespace triton_lite::bindings
