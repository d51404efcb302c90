// What the engine and a model process of the Python backend say to each other: kinds of messages and the layout of
// their records. The other side is python/triton_lite/model_process.
//
// Two SEQPACKET sockets ("lanes") for each process: the execute lane brings batches and takes answers, the calls lane
// takes the inferences that a model asks of others. Each message is a header and a body; a body or a tensor that is too
// large for a packet lies elsewhere: what the engine sends in the lane's arena, what the model sends in its own memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace triton_lite::model_process {

inline constexpr std::size_t kMaxPacket = 64 * 1024;

struct Header {
  std::uint32_t kind = 0;
  std::uint32_t flags = 0;
  std::uint64_t id = 0;
  std::uint64_t place = 0;
  std::uint64_t length = 0;  // Of the body.
};
static_assert(sizeof(Header) == 32);

// Flags of a header. The bits above them are the number of a message of the model (see kTaken).
inline constexpr std::uint32_t kAway = 1;    // The body is not in the packet.
inline constexpr std::uint32_t kInFile = 2;  // What is away is in the memfd that came along, not in the model's memory.
inline constexpr std::uint32_t kLast = 4;    // INFER_RESPONSE only.
inline constexpr unsigned kNumberShift = 8;

enum Kind : std::uint32_t {
  // Engine to model.
  kRegion = 1,          // id: its number, length: its size; with its descriptor.
  kRegionGone = 2,      // id: its number.
  kExecute = 3,         // id: the batch.
  kTaken = 4,           // id: number of a message of the model: what it referred to by address was read.
  kPause = 5,           // id: key of a request whose client does not keep up: no more of its responses for now.
  kResume = 6,          // id: key of a paused request: go on.
  kInferResponse = 48,  // id: the call.
  kCancelled = 49,      // id: the call, place: 0 or 1.
  // Model to engine.
  kResponses = 16,
  kExecuted =
      17,  // id: the batch; place, unless the body is away: when it was taken up (monotonic clock, ns; 0: unsaid).
  kRelease = 18,  // Places in the lane's arena.
  kInfer = 32,    // id: the call.
  kCancelInfer = 33,
  kIsCancelled = 34,  // id: the call, place: key of a request.
};

struct TensorRecord {
  std::uint32_t name_length = 0;
  std::uint32_t datatype = 0;
  std::uint32_t dimension_count = 0;
  std::uint32_t where = 0;
  std::uint64_t place = 0;
  std::uint64_t byte_size = 0;
  // Then the dimensions, int64, and the name, padded to 8 bytes.
};
static_assert(sizeof(TensorRecord) == 32);

enum Where : std::uint32_t {
  kInline = 0,  // place: offset from the start of the body.
  kElsewhere = 1,
  kInArena = 2,  // Of the model only: in a block of the lane's arena that it still holds.
};

struct RequestRecord {
  std::uint64_t key = 0;
  std::uint64_t correlation_number = 0;
  std::uint64_t timeout_microseconds = 0;
  std::uint64_t priority = 0;
  std::uint32_t flags = 0;
  std::uint32_t input_count = 0;
  std::uint32_t id_length = 0;
  std::uint32_t correlation_length = 0;
  std::uint32_t parameters_length = 0;
  std::uint32_t trace_length = 0;
  std::uint32_t outputs_length = 0;
  std::uint32_t reserved = 0;
  // Then the texts in this order, padded in all to 8 bytes, and the inputs.
};
static_assert(sizeof(RequestRecord) == 64);

struct ResponseRecord {
  std::uint64_t key = 0;
  std::uint32_t flags = 0;
  std::uint32_t error_code = 0;
  std::uint32_t error_length = 0;
  std::uint32_t parameters_length = 0;
  std::uint32_t output_count = 0;
  std::uint32_t reserved = 0;
  // Then the texts in this order, padded in all to 8 bytes, and the outputs.
};
static_assert(sizeof(ResponseRecord) == 32);

// Flags of a response.
inline constexpr std::uint32_t kHasResponse = 1;
inline constexpr std::uint32_t kHasError = 2;
inline constexpr std::uint32_t kFinal = 4;
inline constexpr std::uint32_t kRescheduled = 8;
inline constexpr std::uint32_t kRaised = 16;  // The error is that execute failed, no answer of the model.

// A flag of an InferRecord beside those of sequences: a child of its parent in the parent's trace.
inline constexpr std::uint32_t kJoinsTrace = 1U << 31;

struct InferRecord {
  std::uint64_t parent_key = 0;
  std::uint64_t correlation_number = 0;
  std::uint64_t timeout_microseconds = 0;
  std::uint64_t priority = 0;
  std::uint32_t flags = 0;
  std::uint32_t input_count = 0;
  std::uint32_t model_length = 0;
  std::uint32_t id_length = 0;
  std::uint32_t correlation_length = 0;
  std::uint32_t parameters_length = 0;
  std::uint32_t outputs_length = 0;
  std::uint32_t trace_length = 0;
  std::int64_t version = -1;
  std::uint64_t decoupled = 0;
  // Then the texts in this order, padded in all to 8 bytes, and the inputs.
};
static_assert(sizeof(InferRecord) == 80);

// What stands before the records of a body.
struct Counts {
  std::uint32_t records = 0;
  std::uint32_t released = 0;  // EXECUTED only: places behind the records.
};

}  // namespace triton_lite::model_process
