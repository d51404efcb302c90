// The files of mode triton: FILE, which all traces are appended to, and FILE.0, FILE.1, … with some of them each.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

namespace triton_lite {

// Used by one thread. What is written is a JSON array, whose end FILE gets when it is closed. Made when the first trace
// comes; what was there before is replaced.
class TraceFile {
 public:
  explicit TraceFile(std::string path) : path_(std::move(path)) {}
  ~TraceFile() { Close(); }
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  // `elements`: some, with commas between them. False when they could not be written.
  bool Append(std::string_view elements);
  bool WriteIndexed(std::string_view elements);
  void Close();

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  std::ofstream file_;
  bool begun_ = false;
  std::uint32_t next_index_ = 0;
};

}  // namespace triton_lite
