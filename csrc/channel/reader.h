// Reads the rings and sockets of all peers: one thread at a time, the others stand by.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "channel/call.h"
#include "channel/peer.h"
#include "channel/reader_role.h"
#include "channel/second_look.h"
#include "channel/server_options.h"
#include "core/mutex.h"
#include "memory/file_descriptor.h"

namespace triton_lite {

class Reader {
 public:
  // `handler` and the listening socket outlive the reader.
  Reader(const ChannelServerOptions& options, int listener, CallHandler* handler);
  bool valid() const { return events_.valid() && wake_.valid(); }

  // Body of every reader thread; `first` starts with the role. Returns after Stop.
  void Run(bool first);
  void Stop();
  // After the threads are joined.
  void SayGoodbye();

  // Any thread. All peers know when this returns.
  void SetTracing(Tracing tracing) EXCLUDES(welcomed_mu_);

  // Any thread.
  std::vector<PeerInfo> peers() const EXCLUDES(welcomed_mu_);
  std::size_t peer_count() const { return peer_count_.load(std::memory_order_relaxed); }
  std::uint64_t idle_since() const { return idle_since_.load(std::memory_order_relaxed); }

 private:
  // What an event is about: the low bits of its tag; above them the number of the connection.
  enum Tag : std::uint64_t { kListener = 0, kWake = 1, kSocket = 2, kRing = 3 };
  enum class Served { kNothing, kSomething, kRoleLost };
  struct Greeting {
    std::uint64_t number;
    FileDescriptor socket;
  };
  struct Entry {
    std::uint64_t number;
    std::shared_ptr<Peer> peer;
  };

  // Returns when the role is lost or the reader stopped.
  void Read();
  Served ServePeers();
  Served ServePeer(std::size_t position);
  bool Deliver(CallPtr call);
  bool HasWork() const;
  void Sleep();
  void SetAsleep(bool asleep);
  void ServeEvents(int timeout_milliseconds);
  void Accept();
  void OnSocket(std::uint64_t number);
  Result<std::shared_ptr<Peer>> Welcome(FileDescriptor socket, const Hello& hello, FileDescriptor region)
      EXCLUDES(welcomed_mu_);
  void Greet(std::size_t position);
  void Drop(std::size_t position);
  void Watch(int fd, std::uint64_t tag, std::uint32_t events) const;

  const ChannelServerOptions options_;
  const int listener_;
  CallHandler* const handler_;
  const FileDescriptor events_;
  const FileDescriptor wake_;
  std::atomic<bool> stopped_{false};
  std::atomic<std::size_t> peer_count_{0};
  std::atomic<std::uint64_t> idle_since_;
  ReaderRole role_;

  mutable Mutex welcomed_mu_;
  Tracing tracing_ GUARDED_BY(welcomed_mu_) = Tracing::kNone;
  std::vector<std::weak_ptr<Peer>> welcomed_ GUARDED_BY(welcomed_mu_);

  // All below belong to the holder of the role.
  std::vector<Greeting> greetings_;  // Connected, but the handshake has not come yet.
  std::vector<Entry> peers_;
  std::uint64_t next_number_ = 1;
  SecondLook look_;
  int client_core_ = -1;  // Of the peer that was served last.
  unsigned busy_rounds_ = 0;
};

}  // namespace triton_lite
