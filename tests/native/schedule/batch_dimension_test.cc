#include "schedule/batch_dimension.h"

#include "check.h"

namespace triton_lite {
namespace {

struct Row {
  const char* what;
  Shape dims;
  bool batches;
  std::int64_t batch_size;
  Shape shape;
  Shape want;
};

const Row kRows[] = {
    {"both batch", {4}, true, 3, {3, 4}, {3, 4}},
    {"neither batches", {4}, false, 0, {4}, {4}},
    {"to one that batches", {4}, true, 0, {4}, {1, 4}},
    {"to one that batches, variable", {-1}, true, 0, {4}, {1, 4}},
    {"to one that batches, batch dimension is there", {4}, true, 0, {3, 4}, {3, 4}},
    {"to one that does not batch", {4}, false, 1, {1, 4}, {4}},
    {"to one that does not batch but takes it in full", {1, 4}, false, 1, {1, 4}, {1, 4}},
    {"a larger batch cannot be stripped", {4}, false, 2, {2, 4}, {2, 4}},
};

TEST(AdaptsByTheTable) {
  for (const Row& row : kRows) {
    if (!(AdaptBatchDimension(row.dims, row.batches, row.batch_size, row.shape) == row.want)) {
      testing::Report(__FILE__, __LINE__, row.what);
    }
  }
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
