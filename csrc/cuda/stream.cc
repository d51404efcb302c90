#include "cuda/stream.h"

namespace triton_lite::cuda {

Result<Stream> Stream::Make(std::int64_t device_id) {
  const DeviceScope scope(device_id);
  RETURN_IF_ERROR(scope.status());
  RawStream* stream = nullptr;
  RETURN_IF_ERROR(Take(Api().cuStreamCreate(&stream, kStreamNonBlocking), "make a stream on a GPU"));
  return Stream(device_id, stream);
}

Stream::~Stream() {
  if (stream_ != nullptr) {
    const DeviceScope scope(device_id_);
    (void)Api().cuStreamDestroy_v2(stream_);
  }
}

Status Stream::CopyToHost(void* to, DevicePointer from, std::size_t byte_size) {
  return Take(Api().cuMemcpyDtoHAsync_v2(to, from, byte_size, stream_), "copy from a GPU");
}

Status Stream::CopyToDevice(DevicePointer to, const void* from, std::size_t byte_size) {
  return Take(Api().cuMemcpyHtoDAsync_v2(to, from, byte_size, stream_), "copy to a GPU");
}

Status Stream::CopyOnDevice(DevicePointer to, DevicePointer from, std::size_t byte_size) {
  return Take(Api().cuMemcpyDtoDAsync_v2(to, from, byte_size, stream_), "copy on a GPU");
}

Status Stream::Synchronize() { return Take(Api().cuStreamSynchronize(stream_), "copy from or to a GPU"); }

}  // namespace triton_lite::cuda
