// What the samples of a configuration become, and what running them on an instance does.
#include "engine/warm_up.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "check.h"
#include "engine/fakes.h"
#include "engine/model_loader.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

namespace fs = std::filesystem;

// MODEL/1 and MODEL/warmup in a folder of their own.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "warm_up_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
    fs::create_directories(path_ / "model" / "1");
    fs::create_directories(path_ / "model" / "warmup");
  }
  ~Folder() { fs::remove_all(path_); }
  void Write(const std::string& name, std::string_view bytes) const {
    std::ofstream(path_ / "model" / "warmup" / name, std::ios::binary) << bytes;
  }
  std::string version() const { return (path_ / "model" / "1").string(); }
  std::string file(const std::string& name) const { return (path_ / "model" / "warmup" / name).string(); }

 private:
  fs::path path_;
};

WarmupInputSpec Data(std::string name, DataType datatype, Shape dims, WarmupData data, std::string file = {}) {
  return {std::move(name), datatype, std::move(dims), data, std::move(file)};
}

ModelSpec OneInput(DataType datatype, Shape dims, WarmupInputSpec input, std::int32_t max_batch_size = 4) {
  ModelSpec spec = IdentitySpec(datatype, std::move(dims), max_batch_size);
  spec.backend = "identity";
  spec.model_warmup = {{"sample", 1, {std::move(input)}, 0}};
  return spec;
}

ModelSpec Zeros() { return OneInput(DataType::kInt32, {2}, Data("INPUT0", DataType::kInt32, {2}, WarmupData::kZero)); }

std::string Problem(const ModelSpec& spec) {
  const auto samples = MakeWarmUpSamples(spec);
  return samples.ok() ? "none" : samples.status().message();
}

// Keeps what it is given; answers with `error` where there is one.
class RecordingInstance final : public BackendInstance {
 public:
  void Execute(std::span<InferenceRequest* const> batch) override {
    batches.push_back(batch.size());
    for (InferenceRequest* const request : batch) {
      shapes.push_back(request->inputs.at(0).model_shape);
      request_addresses.insert(request);
      if (silent) {
        continue;
      }
      if (error.empty()) {
        request->responder->Send({}, /*last=*/true);
      } else {
        request->responder->Fail(Internal(error));
      }
    }
  }
  std::string error;
  bool silent = false;
  std::vector<std::size_t> batches;
  std::vector<Shape> shapes;
  std::set<const InferenceRequest*> request_addresses;
};

Status Run(const ModelSpec& spec, RecordingInstance* instance, std::vector<std::string>* lines = nullptr) {
  const auto samples = MakeWarmUpSamples(spec);
  CHECK(samples.ok());
  InstancePlacement placement;
  placement.name = "identity_0_1";
  const WarmUpLog log = [lines](const std::string& line) { lines->push_back(line); };
  return samples.ok() ? WarmUp(spec, *samples, placement, instance, lines == nullptr ? WarmUpLog() : log)
                      : samples.status();
}

}  // namespace

TEST(ZerosHaveTheBytesOfTheirShape) {
  const auto samples = MakeWarmUpSamples(Zeros());
  REQUIRE(samples.ok() && samples->size() == 1);
  const InputTensor& input = samples->at(0).inputs.at(0);
  CHECK(input.shape == (Shape{1, 2}));
  CHECK_EQ(input.data.text(), std::string_view("\0\0\0\0\0\0\0\0", 8));
  CHECK_EQ(samples->at(0).count, 1u);
  CHECK_EQ(samples->at(0).outputs.at(0).name, "OUTPUT0");
}

TEST(RandomDataDiffersFromZeros) {
  const auto samples =
      MakeWarmUpSamples(OneInput(DataType::kFp32, {64}, Data("INPUT0", DataType::kFp32, {64}, WarmupData::kRandom), 0));
  REQUIRE(samples.ok());
  const InputTensor& input = samples->at(0).inputs.at(0);
  CHECK(input.shape == Shape{64});
  CHECK_EQ(input.data.size, 256u);
  CHECK(std::set<std::byte>(input.data.data, input.data.data + input.data.size).size() > 50);
}

TEST(GeneratedStringsAreEmpty) {
  for (const WarmupData data : {WarmupData::kZero, WarmupData::kRandom}) {
    const auto samples =
        MakeWarmUpSamples(OneInput(DataType::kBytes, {-1}, Data("INPUT0", DataType::kBytes, {3}, data)));
    REQUIRE(samples.ok());
    CHECK_EQ(samples->at(0).inputs.at(0).data.text(), std::string_view("\0\0\0\0\0\0\0\0\0\0\0\0", 12));
  }
}

TEST(FilesAreReadFromTheWarmupFolder) {
  const Folder folder;
  folder.Write("numbers", "12345678and more");
  ModelSpec spec = OneInput(DataType::kInt32, {2}, Data("INPUT0", DataType::kInt32, {2}, WarmupData::kFile, "numbers"));
  for (const std::string& version : {folder.version(), folder.version() + "/"}) {
    spec.version_directory = version;
    const auto samples = MakeWarmUpSamples(spec);
    REQUIRE(samples.ok());
    CHECK_EQ(samples->at(0).inputs.at(0).data.text(), "12345678");
  }
  spec.model_warmup[0].inputs[0].input_data_file = "/numbers";  // Below the folder, as Triton joins paths.
  CHECK_EQ(Problem(spec), "none");
  folder.Write("numbers", "1234567");
  CHECK_EQ(Problem(spec),
           "[request id: <id_unknown>] warmup setting expects 8 bytes, but the data provided from /numbersonly has 7 "
           "bytes");
}

TEST(FilesOfStringsAreCheckedAsRequestsAre) {
  const Folder folder;
  ModelSpec spec = OneInput(DataType::kBytes, {1}, Data("INPUT0", DataType::kBytes, {1}, WarmupData::kFile, "text"));
  spec.version_directory = folder.version();
  folder.Write("text", std::string_view("\3\0\0\0abc", 7));
  CHECK_EQ(Problem(spec), "none");
  folder.Write("text", std::string_view("\3\0\0\0abc\0", 8));
  CHECK(Problem(spec).find("incomplete string length indicator") != std::string::npos);
  folder.Write("text", std::string_view("\7\0\0\0abc", 7));  // What Triton leaves to the backend.
  RecordingInstance instance;
  CHECK(Run(spec, &instance).message().find("failed to run warmup sample 'sample': incomplete string data") == 0);
  CHECK(instance.batches.empty());
}

TEST(FilesThatCanNotBeReadAreTold) {
  const Folder folder;
  ModelSpec spec = OneInput(DataType::kInt32, {2}, Data("INPUT0", DataType::kInt32, {2}, WarmupData::kFile, "nope"));
  spec.version_directory = folder.version();
  CHECK_EQ(Problem(spec), "failed to open text file for read " + folder.file("nope") + ": No such file or directory");
  spec.model_warmup[0].inputs[0].input_data_file = "";
  CHECK(Problem(spec).find("is no regular file") != std::string::npos);
  for (const std::string outside : {"../config.pbtxt", "a/../../1/model.onnx", "/../config.pbtxt"}) {
    spec.model_warmup[0].inputs[0].input_data_file = outside;
    CHECK(Problem(spec).find("must lie in the model's folder warmup") != std::string::npos);
  }
}

TEST(HugeFilesAreRefusedUnread) {
  const Folder folder;
  folder.Write("huge", "");
  fs::resize_file(folder.file("huge"), std::uintmax_t{1} << 40);  // Without a block on the disk.
  ModelSpec spec = OneInput(DataType::kBytes, {1}, Data("INPUT0", DataType::kBytes, {1}, WarmupData::kFile, "huge"));
  spec.version_directory = folder.version();
  CHECK(Problem(spec).find("has 1099511627776 bytes, expected at most 4294967296") != std::string::npos);
}

TEST(SettingsThatMakeNoRequestAreTold) {
  const auto problem = [](WarmupInputSpec input) {
    return Problem(OneInput(DataType::kInt32, {-1}, std::move(input)));
  };
  CHECK_EQ(problem(Data("INPUT0", DataType::kInt32, {-1}, WarmupData::kZero)),
           "warmup setting expects all variable-size dimensions are specified for input 'INPUT0'");
  CHECK_EQ(problem(Data("INPUT0", DataType::kInt32, {-3}, WarmupData::kZero)),
           "tensor 'INPUT0' contains an invalid dimension [-3]");
  CHECK_EQ(problem(Data("INPUT0", DataType::kInt32, {1L << 62}, WarmupData::kZero)),
           "byte size for tensor 'INPUT0' exceeds maximum size of 9223372036854775807");
  CHECK_EQ(problem(Data("INPUT0", DataType::kBytes, {1L << 62, 4}, WarmupData::kZero)),
           "element count for tensor 'INPUT0' exceeds maximum size of 9223372036854775807");
  CHECK_EQ(problem(Data("INPUT0", DataType::kInt32, {2}, WarmupData::kUnset)),
           "[request id: <id_unknown>] warmup setting expects input 'INPUT0' to have input_data_type set");
  CHECK_EQ(problem(Data("INPUT0", DataType::kFp32, {2}, WarmupData::kZero)),
           "[request id: <id_unknown>] inference input 'INPUT0' data-type is 'FP32', but model 'identity' expects "
           "'INT32'");
  CHECK(problem(Data("OTHER", DataType::kInt32, {2}, WarmupData::kZero)).find("expected 1 inputs but got 0") !=
        std::string::npos);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // They end the program instead.
TEST(WhatTheMachineLacksIsAnError) {
  const Status status = MakeWarmUpSamples(OneInput(DataType::kInt32, {-1},
                                                   Data("INPUT0", DataType::kInt32, {1L << 58}, WarmupData::kZero)))
                            .status();
  CHECK(status.code() == Code::kUnavailable);
}
#endif

TEST(ControlsComeBehindTheModelsInputs) {
  ModelSpec spec = Zeros();
  spec.model_warmup[0].inputs.insert(spec.model_warmup[0].inputs.begin(),
                                     Data("A_CONTROL", DataType::kInt32, {1}, WarmupData::kZero));
  const auto samples = MakeWarmUpSamples(spec);
  REQUIRE(samples.ok() && samples->at(0).inputs.size() == 2);
  CHECK_EQ(samples->at(0).inputs[1].name, "A_CONTROL");
  CHECK(samples->at(0).inputs[1].model_shape == (Shape{1, 1}));
}

TEST(ASampleRunsCountTimesWithItsBatch) {
  ModelSpec spec = Zeros();
  spec.model_warmup[0].batch_size = 3;
  spec.model_warmup[0].count = 2;
  spec.model_warmup.push_back(spec.model_warmup[0]);
  spec.model_warmup[1].batch_size = 0;  // Left out.
  RecordingInstance instance;
  std::vector<std::string> lines;
  CHECK(Run(spec, &instance, &lines).ok());
  CHECK(instance.batches == (std::vector<std::size_t>{3, 3}));
  CHECK(instance.shapes.at(5) == (Shape{1, 2}));
  CHECK_EQ(lines.at(1), "model 'identity' instance identity_0_1 is running warmup sample 'sample' for iteration 2");
}

TEST(TheFirstFailingSampleEndsIt) {
  ModelSpec spec = Zeros();
  spec.model_warmup[0].batch_size = 2;
  spec.model_warmup[0].count = 5;
  RecordingInstance instance;
  instance.error = "An Error Occurred";
  CHECK(Run(spec, &instance) ==
        InvalidArgument("failed to run warmup sample 'sample': An Error Occurred; An Error Occurred; "));
  CHECK_EQ(instance.batches.size(), 1u);
}

TEST(AnInstanceThatDoesNotAnswerFails) {
  RecordingInstance instance;
  instance.silent = true;
  CHECK_EQ(Run(Zeros(), &instance).message(), "failed to run warmup sample 'sample': the model gave no answer; ");
}

TEST(BatchesBeyondTheModelsAreRefusedUnmade) {
  ModelSpec spec = Zeros();
  spec.model_warmup[0].batch_size = 5;
  RecordingInstance instance;
  CHECK(Run(spec, &instance).message().find("batch size 5 for 'identity', max allowed is 4; ") != std::string::npos);
  spec.model_warmup[0].batch_size = UINT32_MAX;
  CHECK(!Run(spec, &instance).ok());
  CHECK(instance.batches.empty());
}

TEST(EveryInstanceIsWarmedUpByALoad) {
  ModelSpec spec = Zeros();
  spec.instance_groups.resize(2);
  spec.instance_groups[0].count = 2;
  std::vector<std::string> lines;
  const auto loaded = LoadModel(spec, {}, {}, [&](const std::string& line) { lines.push_back(line.substr(26, 12)); });
  CHECK(loaded.ok());
  CHECK(lines == (std::vector<std::string>{"identity_0_0", "identity_0_1", "identity_1_0"}));
  spec.model_warmup[0].batch_size = 9;
  CHECK(LoadModel(spec, {}, {}, {}).status().code() == Code::kInvalidArgument);
}

TEST_MAIN()
