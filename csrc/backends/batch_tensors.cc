#include "backends/batch_tensors.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace triton_lite {
namespace {

using Batch = std::span<InferenceRequest* const>;

Result<const Shape*> SourceShape(const InferenceRequest& request, const std::string& source) {
  for (const InputTensor& input : request.inputs) {
    if (input.name == source) {
      return &input.model_shape;
    }
  }
  return InvalidArgument("[request id: " + (request.id.empty() ? "<id_unknown>" : request.id) +
                         "] unknown request input name " + source);
}

std::int64_t Rank(const Shape& shape) { return shape.empty() ? 0 : static_cast<std::int64_t>(shape.size()) - 1; }

// The numbers that a batch input shows, one request after the other.
template <typename Add>
Status EachNumber(const BatchInputSpec& spec, Batch batch, Add&& add) {
  const bool accumulates = spec.kind == BatchInputKind::kAccumulatedElementCount ||
                           spec.kind == BatchInputKind::kAccumulatedElementCountWithZero;
  if (spec.kind == BatchInputKind::kAccumulatedElementCountWithZero) {
    add(0);
  }
  std::int64_t sum = 0;
  for (const InferenceRequest* const request : batch) {
    ASSIGN_OR_RETURN(const Shape* const shape, SourceShape(*request, spec.source_inputs.front()));
    if (spec.kind == BatchInputKind::kItemShape || spec.kind == BatchInputKind::kItemShapeFlatten) {
      for (std::int64_t item = 0; !shape->empty() && item < (*shape)[0]; ++item) {
        std::for_each(shape->begin() + 1, shape->end(), add);
      }
    } else {
      const std::int64_t count = ElementCount(*shape).value_or(0);
      sum = accumulates ? sum + count : count;
      add(sum);
    }
  }
  return {};
}

template <typename T>
Status Fill(const BatchInputSpec& spec, Batch batch, MutableBytes out) {
  std::size_t offset = 0;
  return EachNumber(spec, batch, [&](std::int64_t number) {
    const T value = static_cast<T>(number);
    if (offset + sizeof(T) <= out.size()) {
      std::memcpy(out.data() + offset, &value, sizeof(T));
    }
    offset += sizeof(T);
  });
}

}  // namespace

Result<Shape> BatchInputShape(const BatchInputSpec& spec, Batch batch) {
  const auto requests = static_cast<std::int64_t>(batch.size());
  std::int64_t largest = 0;
  std::int64_t items = 0;
  std::int64_t item_rank = 0;
  std::int64_t numbers = 0;
  for (const InferenceRequest* const request : batch) {
    ASSIGN_OR_RETURN(const Shape* const shape, SourceShape(*request, spec.source_inputs.front()));
    const std::int64_t size = shape->empty() ? 0 : (*shape)[0];
    largest = std::max(largest, ElementCount(*shape).value_or(0));
    item_rank = Rank(*shape);
    items += size;
    numbers += size * item_rank;
  }
  switch (spec.kind) {
    case BatchInputKind::kElementCount:
    case BatchInputKind::kAccumulatedElementCount:
      return Shape{requests};
    case BatchInputKind::kAccumulatedElementCountWithZero:
      return Shape{requests + 1};
    case BatchInputKind::kMaxElementCountAsShape:
      return Shape{largest};
    case BatchInputKind::kItemShape:
      return Shape{items, item_rank};
    case BatchInputKind::kItemShapeFlatten:
      return Shape{numbers};
  }
  return Internal("unsupported BatchInputKind received");
}

Status FillBatchInput(const BatchInputSpec& spec, Batch batch, MutableBytes out) {
  if (spec.kind == BatchInputKind::kMaxElementCountAsShape) {  // Only its shape says something.
    std::fill(out.begin(), out.end(), std::byte{0});
    return {};
  }
  return spec.datatype == DataType::kFp32 ? Fill<float>(spec, batch, out) : Fill<std::int32_t>(spec, batch, out);
}

Result<Shape> ScatteredShape(const Shape& dims, const std::string& source, const InferenceRequest& request) {
  ASSIGN_OR_RETURN(const Shape* const input, SourceShape(request, source));
  Shape shape = dims;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1) {
      shape[i] = i < input->size() ? (*input)[i] : 1;
    }
  }
  return shape;
}

}  // namespace triton_lite
