// Work that must not take the processor from requests.
#pragma once

#include <functional>

namespace triton_lite {

// Runs `work`, which throws nothing, at nice 19, where cores have time left in the idle class too, and returns when it
// is done, with rests (core/rests.h). It runs on a thread of its own, because a thread without privileges can not raise
// its priority again. Threads that `work` starts would stay at low priority. `work` holds no lock that requests wait
// for.
void RunAtLowPriority(const std::function<void()>& work);

}  // namespace triton_lite
