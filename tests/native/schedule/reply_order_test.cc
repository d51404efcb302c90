#include "schedule/reply_order.h"

#include <string>
#include <vector>

#include "check.h"
#include "schedule/fakes.h"

namespace triton_lite {
namespace {

using testing::MakeRequest;
using testing::Record;
using Names = std::vector<std::string>;

// Ended, and nobody needs it any more.
void LetGo(RequestPtr request) {
  request->responder->Retain(request);
  request.reset();
}

struct TwoAdmitted {
  Record record;
  ReplyOrder order;
  RequestPtr first = MakeRequest("first", &record);
  RequestPtr second = MakeRequest("second", &record);
  TwoAdmitted() {
    order.Admit(*first);
    order.Admit(*second);
  }
};

TEST(ARequestThatNobodyNeedsLivesUntilItsReplyHasLeft) {
  TwoAdmitted two;
  auto& [record, order, first, second] = two;
  second->responder->Send({}, true);
  LetGo(std::move(second));
  CHECK(record.requests().empty());
  first->responder->Send({}, true);
  CHECK(record.requests() == Names({"first", "second"}));
  LetGo(std::move(first));
  CHECK_EQ(record.replies().size(), 2u);
}

TEST(ARequestThatIsDroppedHoldsNobodyUp) {
  TwoAdmitted two;
  auto& [record, order, first, second] = two;
  second->responder->Finish();
  LetGo(std::move(second));
  first.reset();
  CHECK(record.requests() == Names({"second", "first"}));
  CHECK_EQ(record.replies()[1].what, "dropped");
}

TEST(WhoSendsManyWaitsForItsTurn) {
  TwoAdmitted two;
  auto& [record, order, first, second] = two;
  CHECK(second->responder->HasCredit());
  std::size_t sent = 0;
  for (; second->responder->HasCredit(); ++sent) {
    CHECK(sent < 1000);
    second->responder->Send({}, false);
  }
  bool credit = false;
  second->responder->OnCredit([&credit] { credit = true; });
  CHECK(!credit);
  // Whose turn it is, is held up by its client alone.
  for (std::size_t i = 0; i < 2 * sent; ++i) {
    CHECK(first->responder->HasCredit());
    first->responder->Send({}, false);
  }
  first->responder->Finish();
  CHECK(credit);
  CHECK(second->responder->HasCredit());
  CHECK_EQ(record.replies().size(), 3 * sent + 1);
  second->responder->Finish();
  LetGo(std::move(first));
  LetGo(std::move(second));
  CHECK_EQ(record.replies().back().request, "second");
}

TEST(TheClientsCreditIsAskedForWhenItIsTheTurn) {
  TwoAdmitted two;
  auto& [record, order, first, second] = two;
  while (second->responder->HasCredit()) {
    second->responder->Send({}, false);
  }
  bool credit = false;
  second->responder->OnCredit([&credit] { credit = true; });
  record.SetCredit(false);
  first->responder->Finish();
  CHECK(!credit);
  record.SetCredit(true);
  CHECK(credit);
  second->responder->Finish();
  LetGo(std::move(second));
  LetGo(std::move(first));
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
