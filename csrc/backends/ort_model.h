// One version of an ONNX model: its file is parsed when it is opened, and the sessions of its instances come from that.
#pragma once

#include <memory>
#include <string>

#include "backends/backend.h"
#include "backends/ort_plan.h"
#include "backends/ort_session.h"
#include "core/mutex.h"

namespace triton_lite::ort {

class OrtModel : public BackendModel {
 public:
  static Result<std::unique_ptr<BackendModel>> Open(const ModelSpec& spec);

  const ModelSignature& signature() const override { return signature_; }
  Status Configure(const ModelSpec& spec) override EXCLUDES(mu_);
  Result<std::unique_ptr<BackendInstance>> CreateInstance(const InstancePlacement& placement) override EXCLUDES(mu_);

 private:
  explicit OrtModel(const Library* library) : library_(library) {}

  // A session for `place`: the one at hand where it fits and may be shared or is not taken yet, else a new one.
  Result<SharedSession> SessionFor(const SessionPlace& place) EXCLUDES(mu_);

  const Library* library_;
  std::string file_;
  Settings settings_;
  ModelSignature signature_;
  std::shared_ptr<const Plan> plan_;

  Mutex mu_;
  SharedSession session_ GUARDED_BY(mu_);  // The last one made, while another instance may use it.
  SessionPlace session_place_ GUARDED_BY(mu_);
};

class OrtBackend : public Backend {
 public:
  std::string_view name() const override { return "onnxruntime"; }
  Result<std::unique_ptr<BackendModel>> Open(const ModelSpec& spec) override { return OrtModel::Open(spec); }
};

}  // namespace triton_lite::ort
