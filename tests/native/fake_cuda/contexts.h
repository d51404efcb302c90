// Devices, their primary contexts, and the contexts that each thread has pushed.
#pragma once

#include <optional>

#include "fake_cuda/functions.h"

namespace fake_cuda {

int Initialize();
// kSuccess after Initialize in this process; a child that was forked has to start anew, which it cannot.
int Initialized();

int DeviceCount();
bool IsDevice(int device);

int Retain(int device, RawContext** context);
int Push(RawContext* context);
int Pop(RawContext** context);
// Null for none.
RawContext* Current();
// The device of the current context.
std::optional<int> CurrentDevice();

}  // namespace fake_cuda
