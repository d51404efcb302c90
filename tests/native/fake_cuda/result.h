// The results (CUresult) that the fake driver gives by itself, and the texts of those that tests inject.
#pragma once

namespace fake_cuda {

enum Result : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kInvalidContext = 201,
  kInvalidHandle = 400,
  kNotFound = 500,
  kIllegalAddress = 700,
};

// NULL for what is no code.
const char* Text(int code);

}  // namespace fake_cuda
