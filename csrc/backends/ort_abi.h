// The part of ONNX Runtime's C interface that is used here: opaque types, enums, and the slots of its function table.
// The wheels ship no header; the table only ever grows at its end, so that slots stay where they are.
#pragma once

#include <cstddef>
#include <cstdint>

namespace triton_lite::ort {

// API version asked for: ONNX Runtime 1.22 and newer.
inline constexpr std::uint32_t kApiVersion = 22;
inline constexpr const char kOldestRelease[] = "1.22";

struct RawStatus;  // An error; null is success.
struct Env;
struct ThreadingOptions;
struct SessionOptions;
struct Session;
struct RunOptions;
struct Value;
struct Allocator;
struct MemoryInfo;
struct TypeInfo;
struct IoBinding;
struct TensorInfo;  // OrtTensorTypeAndShapeInfo
struct CudaOptions;
struct TensorRtOptions;

enum class ElementType : int {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBfloat16 = 16,
};

enum class OnnxType : int { kUnknown = 0, kTensor = 1, kSequence = 2, kMap = 3, kOpaque = 4, kSparse = 5 };
enum class LogLevel : int { kVerbose = 0, kInfo = 1, kWarning = 2, kError = 3, kFatal = 4 };
enum class OptimizationLevel : int { kNone = 0, kBasic = 1, kExtended = 2, kAll = 99 };
enum class ExecutionMode : int { kSequential = 0, kParallel = 1 };
enum class AllocatorType : int { kDevice = 0, kArena = 1 };
enum class MemoryType : int { kDefault = 0 };

// (parameter, severity, category, the environment's name, place in the library's sources, message)
using LogFunction = void (*)(void*, LogLevel, const char*, const char*, const char*, const char*);

// F(slot, name, result, argument types…)
#define TL_ORT_FUNCTIONS(F)                                                                                        \
  F(1, GetErrorCode, int, const RawStatus*)                                                                        \
  F(2, GetErrorMessage, const char*, const RawStatus*)                                                             \
  F(7, CreateSession, RawStatus*, const Env*, const char*, const SessionOptions*, Session**)                       \
  F(9, Run, RawStatus*, Session*, const RunOptions*, const char* const*, const Value* const*, std::size_t,         \
    const char* const*, std::size_t, Value**)                                                                      \
  F(10, CreateSessionOptions, RawStatus*, SessionOptions**)                                                        \
  F(13, SetSessionExecutionMode, RawStatus*, SessionOptions*, ExecutionMode)                                       \
  F(16, EnableMemPattern, RawStatus*, SessionOptions*)                                                             \
  F(17, DisableMemPattern, RawStatus*, SessionOptions*)                                                            \
  F(18, EnableCpuMemArena, RawStatus*, SessionOptions*)                                                            \
  F(19, DisableCpuMemArena, RawStatus*, SessionOptions*)                                                           \
  F(22, SetSessionLogSeverityLevel, RawStatus*, SessionOptions*, LogLevel)                                         \
  F(23, SetSessionGraphOptimizationLevel, RawStatus*, SessionOptions*, OptimizationLevel)                          \
  F(24, SetIntraOpNumThreads, RawStatus*, SessionOptions*, int)                                                    \
  F(25, SetInterOpNumThreads, RawStatus*, SessionOptions*, int)                                                    \
  F(30, SessionGetInputCount, RawStatus*, const Session*, std::size_t*)                                            \
  F(31, SessionGetOutputCount, RawStatus*, const Session*, std::size_t*)                                           \
  F(32, SessionGetOverridableInitializerCount, RawStatus*, const Session*, std::size_t*)                           \
  F(33, SessionGetInputTypeInfo, RawStatus*, const Session*, std::size_t, TypeInfo**)                              \
  F(34, SessionGetOutputTypeInfo, RawStatus*, const Session*, std::size_t, TypeInfo**)                             \
  F(35, SessionGetOverridableInitializerTypeInfo, RawStatus*, const Session*, std::size_t, TypeInfo**)             \
  F(36, SessionGetInputName, RawStatus*, const Session*, std::size_t, Allocator*, char**)                          \
  F(37, SessionGetOutputName, RawStatus*, const Session*, std::size_t, Allocator*, char**)                         \
  F(38, SessionGetOverridableInitializerName, RawStatus*, const Session*, std::size_t, Allocator*, char**)         \
  F(39, CreateRunOptions, RawStatus*, RunOptions**)                                                                \
  F(41, RunOptionsSetRunLogSeverityLevel, RawStatus*, RunOptions*, LogLevel)                                       \
  F(46, RunOptionsSetTerminate, RawStatus*, RunOptions*)                                                           \
  F(47, RunOptionsUnsetTerminate, RawStatus*, RunOptions*)                                                         \
  F(48, CreateTensorAsOrtValue, RawStatus*, Allocator*, const std::int64_t*, std::size_t, ElementType, Value**)    \
  F(49, CreateTensorWithDataAsOrtValue, RawStatus*, const MemoryInfo*, void*, std::size_t, const std::int64_t*,    \
    std::size_t, ElementType, Value**)                                                                             \
  F(51, GetTensorMutableData, RawStatus*, Value*, void**)                                                          \
  F(53, GetStringTensorDataLength, RawStatus*, const Value*, std::size_t*)                                         \
  F(54, GetStringTensorContent, RawStatus*, const Value*, void*, std::size_t, std::size_t*, std::size_t)           \
  F(55, CastTypeInfoToTensorInfo, RawStatus*, const TypeInfo*, const TensorInfo**)                                 \
  F(56, GetOnnxTypeFromTypeInfo, RawStatus*, const TypeInfo*, OnnxType*)                                           \
  F(60, GetTensorElementType, RawStatus*, const TensorInfo*, ElementType*)                                         \
  F(61, GetDimensionsCount, RawStatus*, const TensorInfo*, std::size_t*)                                           \
  F(62, GetDimensions, RawStatus*, const TensorInfo*, std::int64_t*, std::size_t)                                  \
  F(65, GetTensorTypeAndShape, RawStatus*, const Value*, TensorInfo**)                                             \
  F(68, CreateMemoryInfo, RawStatus*, const char*, AllocatorType, int, MemoryType, MemoryInfo**)                   \
  F(69, CreateCpuMemoryInfo, RawStatus*, AllocatorType, MemoryType, MemoryInfo**)                                  \
  F(75, AllocatorAlloc, RawStatus*, Allocator*, std::size_t, void**)                                               \
  F(76, AllocatorFree, RawStatus*, Allocator*, void*)                                                              \
  F(78, GetAllocatorWithDefaultOptions, RawStatus*, Allocator**)                                                   \
  F(92, ReleaseEnv, void, Env*)                                                                                    \
  F(93, ReleaseStatus, void, RawStatus*)                                                                           \
  F(94, ReleaseMemoryInfo, void, MemoryInfo*)                                                                      \
  F(95, ReleaseSession, void, Session*)                                                                            \
  F(96, ReleaseValue, void, Value*)                                                                                \
  F(97, ReleaseRunOptions, void, RunOptions*)                                                                      \
  F(98, ReleaseTypeInfo, void, TypeInfo*)                                                                          \
  F(99, ReleaseTensorTypeAndShapeInfo, void, TensorInfo*)                                                          \
  F(100, ReleaseSessionOptions, void, SessionOptions*)                                                             \
  F(120, DisablePerSessionThreads, RawStatus*, SessionOptions*)                                                    \
  F(121, CreateThreadingOptions, RawStatus*, ThreadingOptions**)                                                   \
  F(122, ReleaseThreadingOptions, void, ThreadingOptions*)                                                         \
  F(125, GetAvailableProviders, RawStatus*, char***, int*)                                                         \
  F(126, ReleaseAvailableProviders, RawStatus*, char**, int)                                                       \
  F(130, AddSessionConfigEntry, RawStatus*, SessionOptions*, const char*, const char*)                             \
  F(131, CreateAllocator, RawStatus*, const Session*, const MemoryInfo*, Allocator**)                              \
  F(132, ReleaseAllocator, void, Allocator*)                                                                       \
  F(133, RunWithBinding, RawStatus*, Session*, const RunOptions*, const IoBinding*)                                \
  F(134, CreateIoBinding, RawStatus*, Session*, IoBinding**)                                                       \
  F(135, ReleaseIoBinding, void, IoBinding*)                                                                       \
  F(136, BindInput, RawStatus*, IoBinding*, const char*, const Value*)                                             \
  F(137, BindOutput, RawStatus*, IoBinding*, const char*, const Value*)                                            \
  F(138, BindOutputToDevice, RawStatus*, IoBinding*, const char*, const MemoryInfo*)                               \
  F(140, GetBoundOutputValues, RawStatus*, const IoBinding*, Allocator*, Value***, std::size_t*)                   \
  F(141, ClearBoundInputs, void, IoBinding*)                                                                       \
  F(142, ClearBoundOutputs, void, IoBinding*)                                                                      \
  F(147, SetGlobalIntraOpNumThreads, RawStatus*, ThreadingOptions*, int)                                           \
  F(148, SetGlobalInterOpNumThreads, RawStatus*, ThreadingOptions*, int)                                           \
  F(149, SetGlobalSpinControl, RawStatus*, ThreadingOptions*, int)                                                 \
  F(151, CreateEnvWithCustomLoggerAndGlobalThreadPools, RawStatus*, LogFunction, void*, LogLevel, const char*,     \
    const ThreadingOptions*, Env**)                                                                                \
  F(165, AddRunConfigEntry, RawStatus*, RunOptions*, const char*, const char*)                                     \
  F(170, SessionOptionsAppendExecutionProvider_TensorRT_V2, RawStatus*, SessionOptions*, const TensorRtOptions*)   \
  F(171, CreateTensorRTProviderOptions, RawStatus*, TensorRtOptions**)                                             \
  F(172, UpdateTensorRTProviderOptions, RawStatus*, TensorRtOptions*, const char* const*, const char* const*,      \
    std::size_t)                                                                                                   \
  F(174, ReleaseTensorRTProviderOptions, void, TensorRtOptions*)                                                   \
  F(204, SessionOptionsAppendExecutionProvider_CUDA_V2, RawStatus*, SessionOptions*, const CudaOptions*)           \
  F(205, CreateCUDAProviderOptions, RawStatus*, CudaOptions**)                                                     \
  F(206, UpdateCUDAProviderOptions, RawStatus*, CudaOptions*, const char* const*, const char* const*, std::size_t) \
  F(208, ReleaseCUDAProviderOptions, void, CudaOptions*)                                                           \
  F(252, GetResizedStringTensorElementBuffer, RawStatus*, Value*, std::size_t, std::size_t, char**)

// The functions by name, filled from the library's table.
struct Functions {
#define TL_ORT_MEMBER(slot, name, result, ...) result (*name)(__VA_ARGS__) = nullptr;
  TL_ORT_FUNCTIONS(TL_ORT_MEMBER)
#undef TL_ORT_MEMBER
};

// What the library's one exported symbol, OrtGetApiBase, returns.
struct ApiBase {
  const void* const* (*GetApi)(std::uint32_t version);  // Null when the library is older than `version`.
  const char* (*GetVersionString)();
};

}  // namespace triton_lite::ort
