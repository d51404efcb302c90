#include "core/reshape.h"

#include <vector>

namespace triton_lite {

Shape ClientShape(const TensorSpec& output, bool batches, const Shape& shape) {
  if (!output.reshape) {
    return shape;
  }
  const std::size_t first = batches ? 1 : 0;
  Shape result;
  if (batches && !shape.empty()) {
    result.push_back(shape[0]);
  }
  // Variable dimensions of the reshape carry over to those of dims, in order.
  std::vector<std::int64_t> variable;
  for (std::size_t i = 0; i < output.reshape->size() && i + first < shape.size(); ++i) {
    if ((*output.reshape)[i] == -1) {
      variable.push_back(shape[i + first]);
    }
  }
  auto next = variable.begin();
  for (const std::int64_t dim : output.dims) {
    result.push_back(dim == -1 && next != variable.end() ? *next++ : dim);
  }
  return result;
}

}  // namespace triton_lite
