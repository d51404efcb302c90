#include "schedule/batch_dimension.h"

#include <algorithm>

namespace triton_lite {
namespace {

bool Matches(const Shape& dims, const Shape& shape) {
  return dims.size() == shape.size() && std::equal(dims.begin(), dims.end(), shape.begin(),
                                                   [](auto dim, auto actual) { return dim == -1 || dim == actual; });
}

}  // namespace

Shape AdaptBatchDimension(const Shape& dims, bool batches, std::int64_t batch_size, const Shape& shape) {
  if (batches && batch_size == 0 && Matches(dims, shape)) {
    Shape batched{1};
    for (const std::int64_t dim : shape) {
      batched.push_back(dim);
    }
    return batched;
  }
  if (!batches && batch_size == 1 && !Matches(dims, shape)) {
    return shape.Without(1);
  }
  return shape;
}

}  // namespace triton_lite
