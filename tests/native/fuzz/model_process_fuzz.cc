// What a process of a Python model sends to the engine: packets of a lane, and the bodies in them.
//
// The input: a byte that chooses what the rest is.
#include <sys/socket.h>
#include <sys/uio.h>

#include <memory>
#include <vector>

#include "fuzz.h"
#include "memory/memfd.h"
#include "model_process/body_reader.h"
#include "model_process/infer_message.h"
#include "model_process/parameters_json.h"
#include "model_process/response_reader.h"

using namespace triton_lite;
using namespace triton_lite::fuzz;
using namespace triton_lite::model_process;

namespace {

constexpr std::size_t kFileByteSize = 4096;

// A lane that has lent two blocks, and a file in the place of the model's memory.
struct Fixture {
  Fixture() {
    int ends[2];
    HOLDS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    model = FileDescriptor(ends[1]);
    lane = *Lane::Make(FileDescriptor(ends[0]), "fuzz", &wake);
    for (const std::size_t size : {64, 1000}) {
      Buffer buffer = *lane->arena().Allocate(size);
      std::memset(buffer.data, 1, size);
      places.push_back(lane->Lend(buffer));
    }
    std::byte sink[kMaxPacket];
    while (recv(model.get(), sink, sizeof(sink), MSG_DONTWAIT) > 0) {
    }
  }

  const FileDescriptor wake;
  FileDescriptor model;
  std::unique_ptr<Lane> lane;
  std::vector<std::uint64_t> places;
  const FileDescriptor file = *CreateMemfd("fuzz", kFileByteSize);
  const RemoteMemory memory{0, file.get()};
};

Fixture& Shared() {
  static Fixture fixture;
  return fixture;
}

void CheckTensor(const TensorView& tensor, Bytes body) {
  HOLDS(IsInside(tensor.name, body));
  const auto count = ElementCount(tensor.shape);
  HOLDS(count.has_value());
  const std::size_t width = ElementByteSize(tensor.datatype);
  HOLDS(width == 0 || tensor.byte_size == static_cast<std::uint64_t>(*count) * width);
  const Result<Buffer> fetched = FetchTensor(tensor, body, Shared().memory, *Shared().lane, AllocateHeap);
  if (fetched.ok()) {
    HOLDS(fetched->size >= tensor.byte_size);
    Touch(fetched->bytes());
  }
}

void CheckResponses(Bytes body) {
  const Result<ResponsesView> read = ReadResponses(body);
  if (!read.ok()) {
    return;
  }
  HOLDS(read->released.size() * sizeof(std::uint64_t) <= body.size());
  HOLDS(read->responses.size() * sizeof(ResponseRecord) <= body.size());
  for (const ResponseView& response : read->responses) {
    HOLDS(IsInside(response.parameters, body));
    (void)response.refers_to_memory();
    if (const auto parameters = ParametersFromJson(response.parameters); parameters.ok()) {
      const auto again = ParametersFromJson(ToJson(*parameters));
      HOLDS(again.ok() && ToJson(*again) == ToJson(*parameters));
    }
    for (const TensorView& output : response.outputs) {
      CheckTensor(output, body);
    }
  }
}

void CheckInfer(Bytes body) {
  const Result<InferCall> call = ReadInfer(body, Shared().memory, *Shared().lane);
  if (!call.ok()) {
    return;
  }
  HOLDS(call->request != nullptr);
  for (const InputTensor& input : call->request->inputs) {
    Touch(input.data.bytes());
  }
}

// As the engine takes a message: any packet, with or without a file.
void CheckPacket(Input input) {
  Fixture& shared = Shared();
  const bool with_file = input.Take<std::uint8_t>() % 2 == 1;
  const Bytes packet = input.TakeRest();
  iovec part{const_cast<std::byte*>(packet.data()), packet.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (with_file) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int file = shared.file.get();
    std::memcpy(CMSG_DATA(header), &file, sizeof(file));
  }
  if (packet.empty() || sendmsg(shared.model.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    return;
  }
  Received received;
  if (shared.lane->Receive(&received) != Lane::State::kDone) {
    return;
  }
  HOLDS(received.file.valid() == with_file);
  const RemoteMemory memory(0, received.file.valid() ? received.file.get() : shared.file.get());
  Buffer storage;
  const Result<Bytes> body = FetchBody(received.header, received.body, memory, &storage);
  if (!body.ok()) {
    return;
  }
  Touch(*body);
  CheckResponses(*body);
  CheckInfer(*body);
}

}  // namespace

FUZZ_TARGET(input) {
  Shared();
  switch (input.Take<std::uint8_t>() % 4) {
    case 0:
      return CheckResponses(input.TakeRest());
    case 1:
      return CheckInfer(input.TakeRest());
    case 2:
      for (const std::uint64_t place : ReadReleased(input.TakeRest())) {
        if (place != Shared().places[0] && place != Shared().places[1]) {
          Shared().lane->Release(place);  // What was not lent is passed over.
        }
      }
      HOLDS(Shared().lane->FindLent(Shared().places[1], 1000).size == 1000);
      return;
    default:
      return CheckPacket(input);
  }
}
