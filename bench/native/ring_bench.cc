// Requests to a model of an engine process over its channel, without front ends: so many in flight from one thread.
// Arguments: the engine's socket, requests in flight. Each line of standard input, "MODEL BYTES SECONDS", is a round
// with one UINT8 input INPUT0 of so many bytes; its line of output is the rate a second.
#include <iostream>

#include "loops.h"

using namespace triton_lite;
using namespace triton_lite::bench;

int main(int argc, char** argv) {
  if (argc != 3) {
    Die("usage: ring_bench SOCKET DEPTH");
  }
  RingClientOptions options;
  options.socket_path = argv[1];
  options.name = "bench";
  const auto depth = static_cast<unsigned>(std::atoi(argv[2]));
  std::string model;
  std::size_t byte_size = 0;
  double seconds = 0;
  while (std::cin >> model >> byte_size >> seconds) {
    const std::vector<std::byte> data(byte_size, std::byte{7});
    EngineLoop loop(Value(ConnectRings(options)), model,
                    {{"INPUT0", "UINT8", {static_cast<std::int64_t>(byte_size)}, std::span(data)}}, depth);
    loop.PlaceInputs();
    std::printf("%f\n", loop.Run(seconds).rate);
    std::fflush(stdout);
  }
  return 0;
}
