#include "backends/ort_model.h"

#include <algorithm>
#include <utility>

#include "backends/ort_instance.h"
#include "backends/ort_signature.h"

namespace triton_lite::ort {
namespace {

// Instances that an ONNX model has when its configuration says nothing.
constexpr std::int32_t kDefaultInstances = 2;

std::int32_t CountInstances(const ModelSpec& spec) {
  std::int32_t count = 0;
  for (const InstanceGroupSpec& group : spec.instance_groups) {
    count += group.count * std::max<std::int32_t>(1, static_cast<std::int32_t>(group.gpus.size()));
  }
  return count > 0 ? count : kDefaultInstances;
}

// Where the first instance will run, as far as an incomplete specification tells. A wrong guess costs a second parse.
SessionPlace GuessPlace(const Library& library, const Settings& settings, const ModelSpec& spec) {
  SessionPlace place;
  if (!spec.instance_groups.empty() && spec.instance_groups[0].kind == InstanceKind::kGpu) {
    const InstanceGroupSpec& group = spec.instance_groups[0];
    place.kind = InstanceKind::kGpu;
    place.device_id = group.gpus.empty() ? 0 : group.gpus[0];
  }
  place.threads = ChooseThreads(library, settings, library.cores() / CountInstances(spec));
  return place;
}

// Sessions without a pool of their own run any number of instances at once, and the weights lie in memory once.
bool MayShare(const Settings& settings, const SessionPlace& place) {
  return settings.share_session.value_or(place.kind != InstanceKind::kGpu && place.threads != Threads::kOwn);
}

}  // namespace

Result<std::unique_ptr<BackendModel>> OrtModel::Open(const ModelSpec& spec) {
  ASSIGN_OR_RETURN(const Library* const library, Library::Get(spec.backend_config));
  std::unique_ptr<OrtModel> model(new OrtModel(library));
  ASSIGN_OR_RETURN(model->settings_, ReadSettings(spec));
  ASSIGN_OR_RETURN(model->file_, FindModelFile(spec));
  const SessionPlace place = GuessPlace(*library, model->settings_, spec);
  ASSIGN_OR_RETURN(SharedSession session, MakeSession(*library, model->settings_, place, model->file_));
  ASSIGN_OR_RETURN(model->signature_, ReadSignature(*library, session->get()));
  {
    MutexLock lock(model->mu_);
    model->session_ = std::move(session);
    model->session_place_ = place;
  }
  return std::unique_ptr<BackendModel>(std::move(model));
}

Status OrtModel::Configure(const ModelSpec& spec) {
  RETURN_IF_ERROR(CheckSignature(spec, signature_));
  plan_ = std::make_shared<const Plan>(MakePlan(spec, signature_));
  return {};
}

Result<SharedSession> OrtModel::SessionFor(const SessionPlace& place) {
  MutexLock lock(mu_);
  if (session_ == nullptr || !(session_place_ == place)) {
    ASSIGN_OR_RETURN(session_, MakeSession(*library_, settings_, place, file_));
    session_place_ = place;
  }
  return MayShare(settings_, place) ? session_ : std::move(session_);
}

Result<std::unique_ptr<BackendInstance>> OrtModel::CreateInstance(const InstancePlacement& placement) {
  if (plan_ == nullptr) {
    return Internal("the model was not configured");
  }
  SessionPlace place;
  place.kind = placement.kind == InstanceKind::kGpu ? InstanceKind::kGpu : InstanceKind::kCpu;
  place.device_id = place.kind == InstanceKind::kGpu ? placement.device_id : 0;
  place.threads = ChooseThreads(*library_, settings_, placement.threads);
  ASSIGN_OR_RETURN(SharedSession session, SessionFor(place));
  return OrtInstance::Make(library_, plan_, std::move(session), place, settings_.run_entries);
}

}  // namespace triton_lite::ort
