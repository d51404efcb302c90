// The stack of the native thread that crashes, on standard error, before the process ends as it would have.
#pragma once

namespace triton_lite {

// For SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT. Handlers that were there before run afterwards. Call once.
void InstallCrashTraces();

}  // namespace triton_lite
