// One call of a Responder, kept for later.
#pragma once

#include <utility>

#include "core/request.h"

namespace triton_lite {

struct Reply {
  enum class Kind { kSend, kFail, kFinish };

  static Reply Send(InferenceResponse response, bool last) { return {Kind::kSend, std::move(response), last, {}}; }
  static Reply Fail(Status status) { return {Kind::kFail, {}, true, std::move(status)}; }
  static Reply Finish() { return {Kind::kFinish, {}, true, {}}; }

  Kind kind;
  InferenceResponse response;  // kSend
  bool last;
  Status status;  // kFail

  void Deliver(Responder& responder) && {
    switch (kind) {
      case Kind::kSend:
        responder.Send(std::move(response), last);
        break;
      case Kind::kFail:
        responder.Fail(std::move(status));
        break;
      case Kind::kFinish:
        responder.Finish();
        break;
    }
  }
};

}  // namespace triton_lite
