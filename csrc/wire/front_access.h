// What our front ends say about a request for the access log, when there is one: field 1003 of ModelInferRequest,
// behind everything that the client sent (frontends/access.py).
#pragma once

#include <cstdint>
#include <string_view>

#include "core/bytes.h"

namespace triton_lite::wire {

struct FrontAccess {
  std::uint64_t byte_size = 0;       // Of the request as the client sent it; 0 if it was not said.
  std::string_view peer = {};        // The client's address.
  std::string_view request_id = {};  // Of the x-request-id header, for requests without an id of their own.
};

// Views into `message`. The last one counts, so that no client can pretend to be another; nothing where there is none
// or it is malformed.
FrontAccess ReadFrontAccess(Bytes message);

}  // namespace triton_lite::wire
