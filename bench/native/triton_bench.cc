// Requests to a model of the real Triton inside this process, through the C API of its library: so many in flight.
// Arguments: libtritonserver.so, model repository, backend directory, requests in flight. Each line of standard input,
// "MODEL BYTES SECONDS", is a round with one UINT8 input INPUT0 of so many bytes; its line of output is the rate a
// second.
#include <dlfcn.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace {

[[noreturn]] void Die(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  std::exit(1);
}

// What is needed of the library; its objects are opaque.
using Error = void;
constexpr int kUint8 = 2;            // TRITONSERVER_TYPE_UINT8
constexpr int kCpu = 0;              // TRITONSERVER_MEMORY_CPU
constexpr std::uint32_t kFinal = 1;  // TRITONSERVER_RESPONSE_COMPLETE_FINAL
using Allocate = Error* (*)(void*, const char*, std::size_t, int, std::int64_t, void*, void**, void**, int*,
                            std::int64_t*);
using Free = Error* (*)(void*, void*, void*, std::size_t, int, std::int64_t);
using Released = void (*)(void*, std::uint32_t, void*);
using Answered = void (*)(void*, std::uint32_t, void*);

class Library {
 public:
  explicit Library(const char* path) : handle_(dlopen(path, RTLD_NOW | RTLD_GLOBAL)) {
    if (handle_ == nullptr) {
      Die(dlerror());
    }
  }

  // Calls a function that gives an error or null.
  template <typename... Arguments>
  void Call(const char* name, Arguments... arguments) const {
    Check(Find<Error* (*)(Arguments...)>(name)(arguments...));
  }

  void Check(Error* error) const {
    if (error != nullptr) {
      Die(Find<const char* (*)(Error*)>("ErrorMessage")(error));
    }
  }

  template <typename Function>
  Function Find(const std::string& name) const {
    void* const found = dlsym(handle_, ("TRITONSERVER_" + name).c_str());
    if (found == nullptr) {
      Die("no function TRITONSERVER_" + name);
    }
    return reinterpret_cast<Function>(found);
  }

 private:
  void* const handle_;
};

Error* AllocateOutput(void*, const char*, std::size_t byte_size, int, std::int64_t, void*, void** buffer, void** user,
                      int* memory, std::int64_t* memory_id) {
  *buffer = byte_size == 0 ? nullptr : std::malloc(byte_size);
  *user = nullptr;
  *memory = kCpu;
  *memory_id = 0;
  return nullptr;
}

Error* FreeOutput(void*, void* buffer, void*, std::size_t, int, std::int64_t) {
  std::free(buffer);
  return nullptr;
}

// Answered requests, which may be sent again when the library let go of them as well.
class Answers {
 public:
  explicit Answers(const Library& library)
      : response_error_(library.Find<Error* (*)(void*)>("InferenceResponseError")),
        response_delete_(library.Find<Error* (*)(void*)>("InferenceResponseDelete")),
        library_(library) {}

  struct Slot {
    void* request = nullptr;
    Answers* answers = nullptr;
    int waits_for = 0;  // Its release and its last answer.
  };

  static void OnRelease(void*, std::uint32_t, void* user) { Done(*static_cast<Slot*>(user)); }

  static void OnResponse(void* response, std::uint32_t flags, void* user) {
    Slot& slot = *static_cast<Slot*>(user);
    if (response != nullptr) {
      slot.answers->library_.Check(slot.answers->response_error_(response));
      slot.answers->library_.Check(slot.answers->response_delete_(response));
    }
    if ((flags & kFinal) != 0) {
      Done(slot);
    }
  }

  Slot& Take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !done_.empty(); });
    Slot* const slot = done_.front();
    done_.pop_front();
    return *slot;
  }

 private:
  static void Done(Slot& slot) {
    const std::lock_guard lock(slot.answers->mutex_);
    if (--slot.waits_for == 0) {
      slot.answers->done_.push_back(&slot);
      slot.answers->changed_.notify_one();
    }
  }

  Error* (*const response_error_)(void*);
  Error* (*const response_delete_)(void*);
  const Library& library_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Slot*> done_;
};

class Loop {
 public:
  Loop(const Library& library, void* server, void* allocator, const std::string& model, std::size_t byte_size,
       std::size_t depth)
      : library_(library), server_(server), answers_(library), data_(byte_size, 7), slots_(depth) {
    const auto length = static_cast<std::int64_t>(byte_size);
    for (Answers::Slot& slot : slots_) {
      slot.answers = &answers_;
      library.Call("InferenceRequestNew", &slot.request, server, model.c_str(), std::int64_t{-1});
      library.Call("InferenceRequestAddInput", slot.request, "INPUT0", kUint8, &length, std::uint64_t{1});
      library.Call("InferenceRequestAppendInputData", slot.request, "INPUT0", static_cast<const void*>(data_.data()),
                   byte_size, kCpu, std::int64_t{0});
      library.Call("InferenceRequestSetReleaseCallback", slot.request, Released{&Answers::OnRelease},
                   static_cast<void*>(&slot));
      library.Call("InferenceRequestSetResponseCallback", slot.request, allocator, static_cast<void*>(nullptr),
                   Answered{&Answers::OnResponse}, static_cast<void*>(&slot));
    }
  }

  ~Loop() {
    for (const Answers::Slot& slot : slots_) {
      library_.Call("InferenceRequestDelete", slot.request);
    }
  }

  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  double Run(double seconds) {
    using Clock = std::chrono::steady_clock;
    const auto elapsed = [start = Clock::now()] { return std::chrono::duration<double>(Clock::now() - start).count(); };
    for (Answers::Slot& slot : slots_) {
      Send(slot);
    }
    std::uint64_t answered = 0;
    while (elapsed() < seconds) {
      Send(answers_.Take());
      ++answered;
    }
    const double taken = elapsed();
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      answers_.Take();
    }
    return static_cast<double>(answered) / taken;
  }

 private:
  void Send(Answers::Slot& slot) {
    slot.waits_for = 2;
    library_.Call("ServerInferAsync", server_, slot.request, static_cast<void*>(nullptr));
  }

  const Library& library_;
  void* const server_;
  Answers answers_;
  std::vector<std::uint8_t> data_;
  std::vector<Answers::Slot> slots_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    Die("usage: triton_bench LIBTRITONSERVER REPOSITORY BACKENDS DEPTH");
  }
  const Library library(argv[1]);
  void* options = nullptr;
  void* server = nullptr;
  void* allocator = nullptr;
  library.Call("ServerOptionsNew", &options);
  library.Call("ServerOptionsSetModelRepositoryPath", options, static_cast<const char*>(argv[2]));
  library.Call("ServerOptionsSetBackendDirectory", options, static_cast<const char*>(argv[3]));
  library.Call("ServerOptionsSetStrictModelConfig", options, false);
  library.Call("ServerOptionsSetLogInfo", options, false);
  library.Call("ServerOptionsSetLogWarn", options, false);
  library.Call("ServerNew", &server, options);
  library.Call("ServerOptionsDelete", options);
  library.Call("ResponseAllocatorNew", &allocator, Allocate{&AllocateOutput}, Free{&FreeOutput},
               static_cast<Error* (*)(void*, void*)>(nullptr));
  const auto depth = static_cast<std::size_t>(std::atoi(argv[4]));
  std::string model;
  std::size_t byte_size = 0;
  double seconds = 0;
  while (std::cin >> model >> byte_size >> seconds) {
    std::printf("%f\n", Loop(library, server, allocator, model, byte_size, depth).Run(seconds));
    std::fflush(stdout);
  }
  library.Call("ServerStop", server);
  library.Call("ServerDelete", server);
  return 0;
}
