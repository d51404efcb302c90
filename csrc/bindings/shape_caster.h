// Shapes are lists of int in Python.
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <vector>

#include "core/shape.h"

namespace pybind11::detail {

template <>
struct type_caster<triton_lite::Shape> {
  PYBIND11_TYPE_CASTER(triton_lite::Shape, const_name("list[int]"));

  bool load(handle source, bool convert) {
    make_caster<std::vector<std::int64_t>> dims;
    if (!dims.load(source, convert)) {
      return false;
    }
    value = triton_lite::Shape(cast_op<const std::vector<std::int64_t>&>(dims));
    return true;
  }

  static handle cast(const triton_lite::Shape& shape, return_value_policy, handle) {
    list dims;
    for (const std::int64_t dim : shape) {
      dims.append(dim);
    }
    return dims.release();
  }
};

}  // namespace pybind11::detail
