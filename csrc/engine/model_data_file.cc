#include "engine/model_data_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace triton_lite {
namespace {

constexpr std::size_t kLargestByteSize = std::size_t{4} << 30;

class OpenFile {
 public:
  // Non-blocking: a pipe in the place of a file must not hold up the load.
  explicit OpenFile(const char* path) : fd_(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

Status Unreadable(const std::string& path, int error) {
  return Internal("failed to open text file for read " + path + ": " + std::strerror(error));
}

// MODEL, where version_directory is MODEL/VERSION.
std::filesystem::path ModelFolder(const ModelSpec& spec) {
  std::filesystem::path version = spec.version_directory;
  if (!version.has_filename()) {
    version = version.parent_path();
  }
  return version.parent_path();
}

bool StaysInside(const std::filesystem::path& relative) {
  return std::none_of(relative.begin(), relative.end(), [](const auto& part) { return part == ".."; });
}

// Up to the size that the file had; less when it shrinks meanwhile.
Result<std::size_t> ReadAll(int fd, MutableBytes to, const std::string& path) {
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t got = read(fd, to.data() + done, to.size() - done);
    if (got == 0) {
      break;
    }
    if (got < 0 && errno != EINTR) {
      return Unreadable(path, errno);
    }
    done += got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  return done;
}

}  // namespace

Result<Buffer> ReadModelDataFile(const ModelSpec& spec, const std::string& folder, const std::string& name) {
  const std::filesystem::path relative = std::filesystem::path(name).relative_path();
  const std::string path = (ModelFolder(spec) / folder / relative).string();
  if (!StaysInside(relative) || name.find('\0') != std::string::npos) {
    return InvalidArgument(folder + " data '" + name + "' of model '" + spec.name +
                           "' must lie in the model's folder " + folder + ": write a path below that folder");
  }
  const OpenFile file(path.c_str());
  if (file.fd() < 0) {
    return Unreadable(path, errno);
  }
  struct stat status{};
  if (fstat(file.fd(), &status) != 0) {
    return Unreadable(path, errno);
  }
  if (!S_ISREG(status.st_mode)) {
    return InvalidArgument(folder + " data " + path + " of model '" + spec.name + "' is no regular file");
  }
  const auto byte_size = static_cast<std::size_t>(status.st_size);
  if (byte_size > kLargestByteSize) {
    return InvalidArgument(folder + " data " + path + " of model '" + spec.name + "' has " + std::to_string(byte_size) +
                           " bytes, expected at most " + std::to_string(kLargestByteSize));
  }
  ASSIGN_OR_RETURN(Buffer buffer, AllocateHeap(byte_size));
  ASSIGN_OR_RETURN(buffer.size, ReadAll(file.fd(), buffer.mutable_bytes(), path));
  return buffer;
}

}  // namespace triton_lite
