// MB/s of JSON text, read into tensors and written from them (one thread, best of 5).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "wire/http_infer.h"
#include "wire/json_writer.h"

using namespace triton_lite;
using namespace triton_lite::wire;

namespace {

constexpr std::size_t kElements = 2'000'000;
constexpr int kRounds = 5;

template <typename Work>
double BestSeconds(Work work) {
  double best = 1e9;
  for (int i = 0; i < kRounds; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

void Report(const char* what, std::size_t byte_size, double seconds) {
  std::printf("%-28s %7.0f MB/s\n", what, static_cast<double>(byte_size) / seconds / 1e6);
}

void Read(const char* what, DataType datatype, const std::string& array) {
  const std::string body = R"({"inputs":[{"name":"I","datatype":")" + std::string(DataTypeName(datatype)) +
                           R"(","shape":[)" + std::to_string(kElements) + R"(],"data":)" + array + "}]}";
  HttpInferRequest request;
  request.body = AsBytes(body);
  Report(what, body.size(), BestSeconds([&] {
           HttpInferCall call;
           if (const Status status = DecodeHttpInfer(request, &call); !status.ok()) {
             std::printf("%s\n", status.message().c_str());
           }
         }));
}

template <typename T>
std::string Write(const char* what, DataType datatype, const std::vector<T>& values) {
  std::string text;
  const double seconds = BestSeconds([&] {
    text.clear();
    (void)AppendJsonTensor("O", datatype, static_cast<std::int64_t>(values.size()), std::as_bytes(std::span(values)),
                           &text)
        .ok();
  });
  Report(what, text.size(), seconds);
  return text;
}

}  // namespace

int main() {
  std::mt19937 random(1);
  std::vector<std::int32_t> integers(kElements);
  std::vector<float> reals(kElements);
  std::string short_reals = "[";
  for (std::size_t i = 0; i < kElements; ++i) {
    integers[i] = static_cast<std::int32_t>(random());
    reals[i] = static_cast<float>(random()) / 4294967296.0F;
    short_reals += "0." + std::to_string(100'000 + random() % 900'000) + ",";
  }
  short_reals.back() = ']';
  Read("read INT32", DataType::kInt32, Write("write INT32", DataType::kInt32, integers));
  Read("read FP32, all digits", DataType::kFp32, Write("write FP32", DataType::kFp32, reals));
  Read("read FP32, six digits", DataType::kFp32, short_reals);
}
