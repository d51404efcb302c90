// In the place of libFuzzer: runs the target once for each file that is named, and for those in folders that are.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void RunFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t ran = 0;
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path path = argv[i];
    if (!std::filesystem::is_directory(path)) {
      RunFile(path);
      ++ran;
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      RunFile(entry.path());
      ++ran;
    }
  }
  std::printf("Replayed %zu inputs.\n", ran);
  return ran > 0 ? 0 : 1;
}
