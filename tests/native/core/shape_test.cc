#include "core/shape.h"

#include "check.h"

namespace triton_lite {
namespace {

TEST(KeepsDimensionsPastTheInlineOnes) {
  Shape shape;
  for (std::int64_t i = 0; i < 9; ++i) {
    shape.push_back(i + 1);
  }
  CHECK_EQ(shape.size(), 9u);
  for (std::int64_t i = 0; i < 9; ++i) {
    CHECK_EQ(shape[static_cast<std::size_t>(i)], i + 1);
  }
  CHECK_EQ(ShapeText(shape.Without(6)), "[7,8,9]");
  Shape copy = shape;
  CHECK(copy == shape);
  copy[8] = 0;
  CHECK(!(copy == shape));
}

TEST(CountsElements) {
  CHECK_EQ(ElementCount(Shape{}), 1);
  CHECK_EQ(ElementCount(Shape({2, 0, 3})), 0);
  CHECK(!ElementCount(Shape({2, -1})).has_value());
  CHECK(!ElementCount(Shape({1ll << 32, 1ll << 32})).has_value());
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
