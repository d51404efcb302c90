#include "trace/trace_file.h"

namespace triton_lite {

bool TraceFile::Append(std::string_view elements) {
  if (!begun_) {
    begun_ = true;
    file_.open(path_, std::ios::trunc);
    file_ << '[';
  } else {
    file_ << ',';
  }
  file_ << elements;
  file_.flush();
  return file_.good();
}

bool TraceFile::WriteIndexed(std::string_view elements) {
  std::ofstream file(path_ + "." + std::to_string(next_index_++), std::ios::trunc);
  file << '[' << elements << ']';
  file.close();
  return file.good();
}

void TraceFile::Close() {
  if (file_.is_open()) {
    file_ << ']';
    file_.close();
  }
}

}  // namespace triton_lite
