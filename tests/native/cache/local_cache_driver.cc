// The local response cache by itself, for tests in Python. Each command has one line of reply.
//   make CAPACITY            -> ok
//   insert HASH BYTES TEXT   an answer with one output of so many bytes  -> inserted SIZE, or the error's text
//   find HASH                -> TEXT, or miss
//   state                    -> ENTRIES BYTES
#include <cstdint>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>

#include "cache/local_cache.h"

namespace triton_lite {
namespace {

InferenceResponse Answer(std::size_t byte_size, const std::string& text) {
  InferenceResponse response;
  response.parameters.Set("text", text);
  OutputTensor output;
  output.name = "OUT";
  output.datatype = DataType::kUint8;
  output.shape = Shape{static_cast<std::int64_t>(byte_size)};
  output.data = AllocateHeap(byte_size).value();
  response.outputs.push_back(std::move(output));
  return response;
}

std::string Insert(LocalCache& cache, const Hash128& hash, const InferenceResponse& response) {
  const CachedAnswerPtr answer = CachedAnswer::Copy(response).value();
  const std::uint64_t byte_size = answer->byte_size();
  const Status status = cache.Insert(hash, answer);
  return status.ok() ? "inserted " + std::to_string(byte_size) : status.message();
}

std::string Find(LocalCache& cache, const Hash128& hash) {
  const CachedAnswerPtr answer = cache.Find(hash);
  return answer == nullptr ? "miss" : std::get<std::string>(*answer->Respond().parameters.Find("text"));
}

}  // namespace
}  // namespace triton_lite

int main() {
  using namespace triton_lite;
  std::unique_ptr<LocalCache> cache;
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    std::istringstream words(line);
    std::string command;
    std::string text;
    std::uint64_t number = 0;
    std::size_t byte_size = 0;
    words >> command >> number >> byte_size >> text;
    std::string reply = "ok";
    if (command == "make") {
      cache = std::make_unique<LocalCache>(number);
    } else if (command == "insert") {
      reply = Insert(*cache, {number, 0}, Answer(byte_size, text));
    } else if (command == "find") {
      reply = Find(*cache, {number, 0});
    } else {
      reply = std::to_string(cache->entry_count()) + " " + std::to_string(cache->byte_size());
    }
    std::cout << reply << std::endl;
  }
  return 0;
}
