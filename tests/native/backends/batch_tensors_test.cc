#include "backends/batch_tensors.h"

#include "backends/requests.h"
#include "check.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

// Two requests: one element of three values, and two elements of two values each; both of rank 2.
struct Pair {
  std::vector<RequestPtr> requests;
  std::vector<InferenceRequest*> batch;

  Pair() {
    Outcome* const nobody = nullptr;
    requests.push_back(Request(1, {Input<float>("X", DataType::kFp32, {1, 3, 1}, {})}, {}, nobody));
    requests.push_back(Request(2, {Input<float>("X", DataType::kFp32, {2, 2, 1}, {})}, {}, nobody));
    for (const RequestPtr& request : requests) {
      batch.push_back(request.get());
    }
  }
};

BatchInputSpec Spec(BatchInputKind kind, DataType datatype = DataType::kInt32) {
  return {kind, {"B"}, datatype, {"X"}};
}

template <typename T>
std::vector<T> Values(const BatchInputSpec& spec, const Shape& shape) {
  const Pair pair;
  const Result<Shape> got = BatchInputShape(spec, pair.batch);
  if (!got.ok() || !(*got == shape)) {
    return {T{-1}};
  }
  std::vector<T> values(static_cast<std::size_t>(ElementCount(shape).value()), T{9});
  CHECK(FillBatchInput(spec, pair.batch, std::as_writable_bytes(std::span(values))).ok());
  return values;
}

using Ints = std::vector<std::int32_t>;

}  // namespace

TEST(CountsElements) {
  CHECK((Values<std::int32_t>(Spec(BatchInputKind::kElementCount), {2}) == Ints{3, 4}));
  CHECK((Values<std::int32_t>(Spec(BatchInputKind::kAccumulatedElementCount), {2}) == Ints{3, 7}));
  CHECK((Values<std::int32_t>(Spec(BatchInputKind::kAccumulatedElementCountWithZero), {3}) == Ints{0, 3, 7}));
}

TEST(ShowsTheLargestCountByItsShape) {
  CHECK((Values<std::int32_t>(Spec(BatchInputKind::kMaxElementCountAsShape), {4}) == Ints{0, 0, 0, 0}));
}

TEST(ShowsTheShapeOfEachElementOfTheBatch) {
  const Ints want = {3, 1, 2, 1, 2, 1};
  CHECK(Values<std::int32_t>(Spec(BatchInputKind::kItemShape), {3, 2}) == want);
  CHECK(Values<std::int32_t>(Spec(BatchInputKind::kItemShapeFlatten), {6}) == want);
}

TEST(WritesTheTypeOfTheConfiguration) {
  const std::vector<float> want = {3, 7};
  CHECK(Values<float>(Spec(BatchInputKind::kAccumulatedElementCount, DataType::kFp32), {2}) == want);
}

TEST(SaysWhoLacksTheSource) {
  Pair pair;
  pair.requests[1]->inputs.clear();
  pair.requests[1]->id = "second";
  CHECK_EQ(BatchInputShape(Spec(BatchInputKind::kElementCount), pair.batch).status().message(),
           "[request id: second] unknown request input name X");
}

TEST(VariableDimensionsOfAnOutputAreThoseOfTheInput) {
  const Pair pair;
  CHECK((ScatteredShape({-1, -1, 5}, "X", *pair.batch[1]).value() == Shape{2, 2, 5}));
  CHECK((ScatteredShape({-1, 4}, "X", *pair.batch[0]).value() == Shape{1, 4}));
  CHECK(!ScatteredShape({-1}, "Z", *pair.batch[0]).ok());
}

TEST_MAIN()
