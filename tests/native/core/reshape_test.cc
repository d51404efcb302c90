#include "core/reshape.h"

#include <utility>

#include "check.h"

namespace triton_lite {
namespace {

TensorSpec Output(Shape dims, Shape reshape) {
  TensorSpec spec;
  spec.dims = std::move(dims);
  spec.reshape = std::move(reshape);
  return spec;
}

TEST(ClientShapeUndoesTheReshape) {
  CHECK_EQ(ClientShape(Output({4}, {2, 2}), true, {3, 2, 2}), (Shape{3, 4}));
  CHECK_EQ(ClientShape(Output({1}, {}), true, {3}), (Shape{3, 1}));
  CHECK_EQ(ClientShape(Output({-1, 1}, {-1}), true, {3, 7}), (Shape{3, 7, 1}));
  CHECK_EQ(ClientShape(Output({-1, 2, -1}, {2, -1, -1}), false, {2, 5, 6}), (Shape{5, 2, 6}));
}

TEST(ClientShapeKeepsWhatIsNotReshaped) {
  TensorSpec spec;
  spec.dims = {4};
  CHECK_EQ(ClientShape(spec, true, {3, 4}), (Shape{3, 4}));
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
