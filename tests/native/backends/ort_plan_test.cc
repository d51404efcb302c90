#include "backends/ort_plan.h"

#include "backends/requests.h"
#include "check.h"

using namespace triton_lite;
using namespace triton_lite::testing;
using namespace triton_lite::ort;

TEST(SizeIsKnownWithoutVariableDimensions) {
  ModelSpec spec;
  spec.max_batch_size = 4;
  spec.outputs = {Tensor("text", DataType::kBytes, {1}), Tensor("fixed", DataType::kFp32, {2, 3}),
                  Tensor("variable", DataType::kFp32, {-1})};
  ModelSignature signature;
  signature.outputs = {{"text", DataType::kBytes, {-1, 1}, false, true},
                       {"fixed", DataType::kFp32, {-1, 2, 3}, false, true},
                       {"variable", DataType::kFp32, {-1, -1}, false, true}};
  const Plan plan = MakePlan(spec, signature);
  REQUIRE(plan.outputs.size() == 3);
  CHECK_EQ(plan.outputs[0].name, "fixed");  // Sorted, as Triton answers them.
  CHECK(plan.outputs[0].size_known);
  CHECK(!plan.outputs[1].size_known);
  CHECK(!plan.outputs[2].size_known);
  spec.max_batch_size = 0;
  CHECK(!MakePlan(spec, signature).outputs[0].size_known);
}

TEST_MAIN()
