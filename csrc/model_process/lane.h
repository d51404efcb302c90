// One of the two sockets between the engine and a model process, and the memory that the engine sends tensors in.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "core/buffer.h"
#include "core/mutex.h"
#include "memory/arena.h"
#include "memory/file_descriptor.h"
#include "model_process/protocol.h"

namespace triton_lite::model_process {

// A message that came: its header, the bytes behind it in the packet, and a file if one came along.
struct Received {
  Header header;
  Bytes body;  // Valid until the next Receive.
  FileDescriptor file;
};

// Thread-safe, but Receive and Flush are for one thread.
class Lane {
 public:
  enum class State { kDone, kNothing, kGone };

  // `wake`: told when something waits to be sent that the socket did not take. Outlives this.
  static Result<std::unique_ptr<Lane>> Make(FileDescriptor socket, const char* arena_name, const FileDescriptor* wake);

  int socket() const { return socket_.get(); }
  Arena& arena() { return *arena_; }

  // Has the model know of `buffer`, which lies in the arena, and keeps it until the model lets go of it.
  // Returns its place.
  std::uint64_t Lend(const Buffer& buffer) EXCLUDES(mu_);
  // The model lets go of a place; one that it does not have is passed over.
  void Release(std::uint64_t place) EXCLUDES(mu_);
  // The bytes at a place that the model holds, or a part of them; no data if it does not.
  Buffer FindLent(std::uint64_t place, std::uint64_t byte_size) const EXCLUDES(mu_);

  // Sends `body`, away if it is too long. Never blocks: what the socket does not take now waits for Flush.
  // Errors: there is no memory for it. That the other side is gone is no error: Receive tells.
  Status Send(Header header, Bytes body) EXCLUDES(mu_);
  // Whether something waits for the socket to take it.
  bool has_backlog() const EXCLUDES(mu_);
  void Flush() EXCLUDES(mu_);

  // Never blocks. kGone: the other side closed it, or sent something that is no message.
  State Receive(Received* received);

  // Both sides see the end.
  void ShutDown();

 private:
  Lane(FileDescriptor socket, std::shared_ptr<Arena> arena, const FileDescriptor* wake);

  struct Packet {
    std::vector<std::byte> bytes;
    int descriptor = -1;  // To be sent along; of the arena, which `keeps` it.
    Buffer keeps = {};
  };

  void AnnounceRegion(const Buffer& buffer, std::uint32_t region) REQUIRES(mu_);
  void Post(Packet packet) REQUIRES(mu_);
  bool TrySend(const Packet& packet);

  const FileDescriptor socket_;
  const std::shared_ptr<Arena> arena_;
  const FileDescriptor* const wake_;

  std::vector<std::byte> incoming_;  // Of the receiving thread.

  mutable Mutex mu_;
  std::multimap<std::uint64_t, Buffer> lent_ GUARDED_BY(mu_);  // By place.
  std::deque<Packet> backlog_ GUARDED_BY(mu_);
};

}  // namespace triton_lite::model_process
