// A validated inference request and its responses, as schedulers and backends see them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/buffer.h"
#include "core/cancel_token.h"
#include "core/datatype.h"
#include "core/parameters.h"
#include "core/sequence_states.h"
#include "core/shape.h"
#include "core/status.h"

namespace triton_lite {

// Steady-clock nanoseconds (CLOCK_MONOTONIC); 0 where a stage was not reached. Statistics and traces are
// written from these only.
struct Timestamps {
  std::uint64_t request_start = 0;  // Taken from the channel.
  std::uint64_t queue_start = 0;    // Given to the scheduler.
  std::uint64_t compute_start = 0;  // Given to the backend.
  std::uint64_t compute_input_end = 0;
  std::uint64_t compute_output_start = 0;
  std::uint64_t compute_end = 0;     // All outputs of the batch are there; 0 if it failed.
  std::uint64_t request_end = 0;     // The last response was handed over.
  std::uint64_t first_response = 0;  // Was handed over; of decoupled models only.
  std::uint64_t cache_lookup_start = 0;
  std::uint64_t cache_lookup_end = 0;
  std::uint64_t cache_insert_start = 0;
  std::uint64_t cache_insert_end = 0;
};

// What the response cache was to a request, for statistics: a hit (compute_* are 0 then), a miss whose answer it was
// offered, or neither.
enum class CacheOutcome : std::uint8_t { kNone, kHit, kMiss };

// Why a request failed, for the counters of failures.
enum class FailureReason : std::uint8_t {
  kOther,
  kRejected,   // Its time in the queue was over, or the queue's policy refused it later.
  kCanceled,   // Its client gave up.
  kBackend,    // The model said so.
  kUncounted,  // It was not taken in: statistics do not know of it.
  kAnswered,   // It did not: the model ran and answered with an error, which counts as an answer.
};

std::uint64_t NowNanoseconds();

struct InputTensor {
  std::string name;
  DataType datatype = DataType::kInvalid;
  Shape shape;        // As the client sent it, batch dimension included, before `reshape`.
  Buffer data;        // Contiguous, exactly the tensor's bytes (BYTES: 4-byte little-endian length before each).
  Shape model_shape;  // What the backend gets: `reshape` applied, batch dimension included.
};

struct RequestedOutput {
  std::string name;
  std::uint32_t class_count = 0;  // Classification extension: 0 = the tensor itself.
  Parameters parameters;
  Buffer region = {};  // Where the client wants its bytes; no data: in the response.
};

struct OutputTensor {
  std::string name;
  DataType datatype = DataType::kInvalid;
  Shape shape;  // As the client gets it, batch dimension included.
  Buffer data;
};

struct InferenceResponse {
  std::vector<OutputTensor> outputs;
  Parameters parameters;
  Status error = {};  // Not OK: an error in the place of outputs, from a decoupled model that may go on.
};

struct InferenceRequest;
using RequestPtr = std::unique_ptr<InferenceRequest>;

// One for each request: takes its responses. Called from any thread, one call at a time.
class Responder {
 public:
  virtual ~Responder() = default;
  // Memory for outputs; what it gives can be put into a response without another copy.
  virtual OutputMemory& memory() = 0;
  // One response; `last` ends the request. A decoupled model may send none before Finish.
  virtual void Send(InferenceResponse response, bool last) = 0;
  // Ends the request with an error.
  virtual void Fail(Status status) = 0;
  // Ends a decoupled request without another response.
  virtual void Finish() = 0;
  // The model has run, and wants to run the request again (iterative sequences): nothing ends, but it was an execution.
  virtual void OnReschedule() {}
  // The request has ended and nobody needs it any more: `request` holds it, and still does afterwards unless responses
  // of it wait for their turn. Then they keep it until they have left.
  virtual void Retain(RequestPtr& /*request*/) {}

  // Whether the client keeps up with a decoupled model. One that sends more all the same piles up its responses.
  // From any thread while the request has not ended.
  virtual bool HasCredit() { return true; }
  // `hook` runs once when there may be credit, or the request is cancelled: at once, or later on any thread, where it
  // must not wait for anything. That may be after the end of the request.
  virtual void OnCredit(std::function<void()> hook) { hook(); }
};

struct ModelSpec;

// Follows one request that was sampled for tracing (csrc/trace). Destroyed with its request, first of all that is in
// it: it takes the timestamps then.
class RequestTrace {
 public:
  virtual ~RequestTrace() = default;
  // The request is about to be given to the scheduler of a model with this specification.
  virtual void OnStart(const ModelSpec& spec) = 0;
  // Each response of the model.
  virtual void OnResponse(const InferenceResponse& response) = 0;
  // The last answer is about to be handed over. Returns whether the front end is to say when it has sent it.
  virtual bool OnAnswer() = 0;
  // What its model is told of its span: W3C trace context as a JSON object. Empty where no spans are made.
  virtual std::string Context() = 0;
  // A request that this one gives rise to (an ensemble's step). Null where nothing of it is traced.
  virtual std::unique_ptr<RequestTrace> MakeChild(const InferenceRequest& child) const = 0;
};

using CorrelationId = std::variant<std::uint64_t, std::string>;

// Flags of a sequence request (TRITONSERVER_REQUEST_FLAG_SEQUENCE_*).
inline constexpr std::uint32_t kSequenceStart = 1;
inline constexpr std::uint32_t kSequenceEnd = 2;

// Owned by exactly one stage at a time (decoder, queue, batch). Ended by its responder exactly once: a
// request that is destroyed without an end is answered with an internal error by the responder's destructor.
struct InferenceRequest {
  std::string model_name;
  std::int64_t model_version = 0;  // Resolved.
  std::string id;
  CorrelationId correlation_id = std::uint64_t{0};
  std::uint32_t flags = 0;
  std::uint64_t priority = 0;
  std::uint64_t timeout_microseconds = 0;
  Parameters parameters;
  std::vector<InputTensor> inputs;       // In the order of the model's configuration; optional ones may lack.
  std::vector<RequestedOutput> outputs;  // In the client's order; all of the model's when it named none.
  std::uint32_t batch_size = 1;          // 1 for a model that does not batch.
  Timestamps times;
  CacheOutcome cache_outcome = CacheOutcome::kNone;
  FailureReason failure_reason = FailureReason::kOther;  // Should it fail now.
  // The first request of a batch stands for its execution in the statistics: elements of the whole batch. 0: another
  // does.
  std::uint32_t execution_batch_size = 0;
  std::shared_ptr<CancelToken> cancel;  // Never null.
  std::unique_ptr<Responder> responder;
  std::shared_ptr<const void> model;  // Keeps the model snapshot alive until the request ends.
  // Where a model with implicit state leaves the states for the next request of the sequence; null when there are none
  // to be kept. The scheduler's; valid while the backend runs the request.
  SequenceStates* states = nullptr;
  std::uint32_t sequence_slot = 0;  // The sequence scheduler's.
  // Set by a backend that did not end the request: it wants to run it again (iterative sequences).
  bool reschedule = false;
  // Null unless there are limits: lets the next one in when it is destroyed.
  std::shared_ptr<void> admission = nullptr;
  // Null unless it was sampled. The last member.
  std::unique_ptr<RequestTrace> trace = nullptr;
};

}  // namespace triton_lite
