// What is said when ONNX Runtime is not there. What it does when it is: tests/backends.
#include "backends/ort_library.h"

#include "backends/backend.h"
#include "check.h"

using namespace triton_lite;

namespace {

std::string OpenRefusal(const std::string& library) {
  ConfigureOnnxRuntime(library, 1);
  ModelSpec spec;
  spec.name = std::string("m");
  return FindBackend("onnxruntime")->Open(spec).status().message();
}

}  // namespace

TEST(SaysWhatToInstall) {
  CHECK_EQ(OpenRefusal(""), "ONNX Runtime was not found: pip install onnxruntime-gpu (or onnxruntime)");
}

TEST(SaysWhyALibraryDoesNotLoad) {
  const std::string text = OpenRefusal("/nonexistent/libonnxruntime.so");
  CHECK(text.find("ONNX Runtime at '/nonexistent/libonnxruntime.so' could not be loaded (") == 0);
  CHECK(text.find("pip install onnxruntime-gpu (or onnxruntime)") != std::string::npos);
}

TEST(RefusesAnotherLibrary) {
  CHECK_EQ(OpenRefusal("libm.so.6"),
           "'libm.so.6' is not ONNX Runtime (it lacks OrtGetApiBase): pip install onnxruntime-gpu (or onnxruntime)");
}

TEST(FindsBackendsByName) {
  CHECK(FindBackend("onnxruntime") != nullptr);
  CHECK(FindBackend("identity") != nullptr);
  CHECK(FindBackend("python") == nullptr);
  CHECK(FindBackend("") == nullptr);
}

TEST_MAIN()
