// Where lines go: a descriptor that all writers of a process share, and the file behind it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace triton_lite {

// Used by one thread at a time. Lines that are given at once are written at once: with O_APPEND no other process tears
// them. A file that was moved away or deleted (logrotate) is opened anew under its name, within a second or, when
// `generation` counts on, at the next line; the descriptor keeps its number, so whoever else writes to it follows.
class LogFile {
 public:
  // Writes to `descriptor`, which stays the caller's. `path`: the file that it is, "" for none that could be opened
  // anew. `generation` (may be null) outlives this.
  LogFile(int descriptor, std::string path, const std::atomic<std::uint64_t>* generation);

  // What cannot be written (a full disk, a closed pipe) is lost: there is nobody to tell.
  void Write(std::string_view lines);

 private:
  void Follow();
  bool Moved() const;
  void Reopen();

  const int descriptor_;
  const std::string path_;
  const std::atomic<std::uint64_t>* const generation_;
  std::uint64_t seen_generation_ = 0;
  std::uint64_t next_look_ = 0;  // Steady-clock nanoseconds.
};

}  // namespace triton_lite
