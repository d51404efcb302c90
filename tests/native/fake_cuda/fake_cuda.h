// A libcuda.so.1 for tests: no GPU, but the rules that a GPU makes. How it differs from a driver, so that mistakes
// show:
// - Device memory cannot be touched by the host: it faults.
// - An asynchronous copy happens when its stream is synchronised and not before, of pageable memory as of pinned. With
//   FAKE_CUDA_ASYNC=thread a thread of each stream makes it at some time before that.
// - The default stream (NULL) is refused. Handles of streams are never used again, so that stale ones are refused, too.
// - Memory that was freed or closed before a copy ran makes that copy fail, also when its owner is another process.
//
// FAKE_CUDA_DEVICES says how many devices there are (1). FAKE_CUDA_CONTROL names a file for the rules and counters
// below, for tests whose program under test is another process (tests/fake_cuda.py); see control.h for what is in it.
#pragma once

#include "fake_cuda/functions.h"

// Fails a call of `function` with `code`: the nth from now on (1 is the next), or every one for nth = 0. It does
// nothing else then, except that a failed cuStreamSynchronize loses what was queued. One rule a function; the last one
// counts.
FAKE_CUDA_EXPORT void fakeCudaFail(const char* function, int nth_call, int code);
// Removes all rules, and counts calls anew.
FAKE_CUDA_EXPORT void fakeCudaReset();

// How many there are: "allocations", "handles" (openings of IPC handles that are not closed), "streams", "pinned"
// (blocks), "contexts" (pushed on any thread), "copies" (queued and not run).
FAKE_CUDA_EXPORT long long fakeCudaLive(const char* kind);

// Calls of a function; those that a rule failed; those that failed by themselves.
FAKE_CUDA_EXPORT unsigned long long fakeCudaCalls(const char* function);
FAKE_CUDA_EXPORT unsigned long long fakeCudaInjected(const char* function);
FAKE_CUDA_EXPORT unsigned long long fakeCudaRefused(const char* function);

// The names above in the order of the control file; NULL after the last.
FAKE_CUDA_EXPORT const char* fakeCudaFunctionName(int number);
FAKE_CUDA_EXPORT const char* fakeCudaKindName(int number);
