#include "channel/server.h"

#include <pthread.h>

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "channel/reader.h"
#include "channel/socket.h"
#include "core/mutex.h"

namespace triton_lite {
namespace {

class RingServer : public ChannelServer {
 public:
  RingServer(ChannelServerOptions options, FileDescriptor listener, CallHandler* handler)
      : options_(std::move(options)), listener_(std::move(listener)), reader_(options_, listener_.get(), handler) {}
  ~RingServer() override { Stop(); }

  Status StartThreads() {
    if (!reader_.valid()) {
      return Unavailable("unable to make the events of the channel: too many open files");
    }
    for (std::int32_t i = 0; i < std::max(1, options_.reader_threads); ++i) {
      threads_.emplace_back([this, i] {
        pthread_setname_np(pthread_self(), "tl-reader");
        reader_.Run(i == 0);
      });
    }
    return {};
  }

  void Stop() override EXCLUDES(stop_mu_) {
    MutexLock lock(stop_mu_);
    if (!listener_.valid()) {
      return;
    }
    reader_.Stop();
    for (std::thread& thread : threads_) {
      thread.join();
    }
    threads_.clear();
    reader_.SayGoodbye();
    unlink(options_.socket_path.c_str());
    listener_.Close();
  }

  void SetTracing(Tracing tracing) override { reader_.SetTracing(tracing); }
  std::size_t peer_count() const override { return reader_.peer_count(); }
  std::vector<PeerInfo> peers() const override { return reader_.peers(); }
  std::uint64_t idle_since() const override { return reader_.idle_since(); }

 private:
  const ChannelServerOptions options_;
  FileDescriptor listener_;
  Reader reader_;
  std::vector<std::thread> threads_;
  Mutex stop_mu_;
};

}  // namespace

Result<std::unique_ptr<ChannelServer>> ChannelServer::Start(ChannelServerOptions options, CallHandler* handler) {
  ASSIGN_OR_RETURN(FileDescriptor listener, ListenAt(options.socket_path));
  auto server = std::make_unique<RingServer>(std::move(options), std::move(listener), handler);
  RETURN_IF_ERROR(server->StartThreads());
  return std::unique_ptr<ChannelServer>(std::move(server));
}

}  // namespace triton_lite
