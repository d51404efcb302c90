// The other side of a ModelLink: sockets, the arena as a model maps it, and messages made by hand.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "channel/socket.h"
#include "memory/memfd.h"
#include "model_process/body_reader.h"
#include "model_process/protocol.h"

namespace triton_lite::model_process::testing {

// Bytes of records, one after the other.
class Body {
 public:
  template <typename Record>
  Body& Add(const Record& record) {
    const auto* const data = reinterpret_cast<const std::byte*>(&record);
    bytes_.insert(bytes_.end(), data, data + sizeof(Record));
    return *this;
  }
  Body& Text(std::string_view text) {
    const Bytes data = AsBytes(text);
    bytes_.insert(bytes_.end(), data.begin(), data.end());
    return *this;
  }
  Body& Pad() {
    bytes_.resize((bytes_.size() + 7) / 8 * 8);
    return *this;
  }
  Body& Tensor(std::string_view name, DataType datatype, std::int64_t dim, std::uint32_t where, std::uint64_t place,
               std::uint64_t byte_size) {
    Add(TensorRecord{static_cast<std::uint32_t>(name.size()), static_cast<std::uint32_t>(datatype), 1, where, place,
                     byte_size});
    return Add(dim).Text(name).Pad();
  }
  std::size_t size() const { return bytes_.size(); }
  Bytes bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

struct Message {
  bool gone = false;
  Header header;
  std::vector<std::byte> body;
};

// One lane as the model sees it.
class ModelLane {
 public:
  ModelLane() {
    int sockets[2] = {-1, -1};
    (void)socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets);
    engine_ = FileDescriptor(sockets[0]);
    own_ = FileDescriptor(sockets[1]);
  }

  FileDescriptor TakeEngineEnd() { return std::move(engine_); }

  void Send(Header header, Bytes body) {
    header.length = (header.flags & kAway) == 0 ? body.size() : header.length;
    std::vector<std::byte> packet(sizeof(Header) + body.size());
    std::memcpy(packet.data(), &header, sizeof(Header));
    if (!body.empty()) {
      std::memcpy(packet.data() + sizeof(Header), body.data(), body.size());
    }
    (void)SendPacket(own_.get(), packet, {});
  }
  void SendRaw(Bytes packet) { (void)SendPacket(own_.get(), packet, {}); }

  // Waits for a message that is not about regions, whose body it fetches from wherever that is.
  Message Receive() {
    std::vector<std::byte> buffer(kMaxPacket);
    while (true) {
      pollfd readable{own_.get(), POLLIN, 0};
      (void)poll(&readable, 1, -1);
      Packet packet = ReceivePacket(own_.get(), buffer);
      Message message;
      if (packet.state != PacketState::kDone || packet.size < sizeof(Header)) {
        message.gone = true;
        return message;
      }
      std::memcpy(&message.header, buffer.data(), sizeof(Header));
      if (message.header.kind == kRegion) {
        regions_[message.header.id] = Mapping::Map(packet.descriptors.at(0).get(), message.header.length).value();
        continue;
      }
      if (message.header.kind == kRegionGone) {
        regions_.erase(message.header.id);
        continue;
      }
      const std::byte* const from =
          (message.header.flags & kAway) != 0 ? At(message.header.place) : buffer.data() + sizeof(Header);
      message.body.assign(from, from + message.header.length);
      return message;
    }
  }

  std::byte* At(std::uint64_t place) {
    return regions_.at(place >> 48)->data() + (place & ((std::uint64_t{1} << 48) - 1));
  }

  void Close() { own_.Close(); }

 private:
  FileDescriptor engine_;
  FileDescriptor own_;
  std::map<std::uint64_t, std::shared_ptr<Mapping>> regions_;
};

// A request of an EXECUTE message, as far as tests look at it.
struct SeenRequest {
  std::uint64_t key = 0;
  std::uint32_t flags = 0;
  std::string id;
  std::string parameters;
  std::string outputs;
  std::vector<TensorView> inputs;  // Views of the message.
};

inline std::vector<SeenRequest> ReadBatch(const Message& message) {
  BodyReader reader{Bytes(message.body)};
  Counts counts;
  (void)reader.Read(&counts);
  std::vector<SeenRequest> requests;
  for (std::uint32_t i = 0; i < counts.records; ++i) {
    RequestRecord record;
    std::string_view id;
    std::string_view correlation;
    std::string_view parameters;
    std::string_view outputs;
    (void)(reader.Read(&record) && reader.ReadText(record.id_length, &id) &&
           reader.ReadText(record.correlation_length, &correlation) &&
           reader.ReadText(record.parameters_length, &parameters) && reader.ReadText(record.outputs_length, &outputs) &&
           reader.SkipPadding());
    SeenRequest& seen = requests.emplace_back();
    seen.key = record.key;
    seen.flags = record.flags;
    seen.id = id;
    seen.parameters = parameters;
    seen.outputs = outputs;
    for (std::uint32_t input = 0; input < record.input_count; ++input) {
      (void)reader.ReadTensor(&seen.inputs.emplace_back());
    }
  }
  return requests;
}

}  // namespace triton_lite::model_process::testing
