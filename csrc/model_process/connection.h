// What lasts as long as one model process: its two lanes, and how to read its memory.
#pragma once

#include <sys/types.h>

#include <memory>

#include "core/status.h"
#include "memory/file_descriptor.h"
#include "model_process/lane.h"
#include "model_process/remote_memory.h"

namespace triton_lite::model_process {

class Connection {
 public:
  static Result<std::shared_ptr<Connection>> Make(FileDescriptor execute, FileDescriptor calls, pid_t process_id);

  Lane& execute() { return *execute_; }
  Lane& calls() { return *calls_; }
  pid_t process_id() const { return process_id_; }
  RemoteMemory MemoryOf(const Received& received) const;

  // Which lanes have something to be read.
  struct Ready {
    bool execute = false;
    bool calls = false;
  };
  // Returns when there is one, or at `deadline` (steady clock, nanoseconds; 0: none), or earlier. Meanwhile what the
  // sockets did not take is sent.
  Ready Wait(std::uint64_t deadline);

  // Has Wait return, to be given a deadline that it does not know of.
  void Wake();

  void ShutDown();

 private:
  Connection(FileDescriptor wake, pid_t process_id) : wake_(std::move(wake)), process_id_(process_id) {}

  const FileDescriptor wake_;
  const pid_t process_id_;
  std::unique_ptr<Lane> execute_;
  std::unique_ptr<Lane> calls_;
};

}  // namespace triton_lite::model_process
