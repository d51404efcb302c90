// The table of contents of the Python module: one Bind function a topic, and what the topics share.
#pragma once

#include <pybind11/pybind11.h>

#include <utility>

#include "channel/client.h"
#include "core/status.h"
#include "wire/http_infer.h"

namespace triton_lite::bindings {

// Throws the Python exception triton_lite.errors.TritonError(code, text). Needs the GIL.
[[noreturn]] void Raise(const Status& status);

inline void RaiseIfError(const Status& status) {
  if (!status.ok()) {
    Raise(status);
  }
}

template <typename T>
T ValueOrRaise(Result<T> result) {
  RaiseIfError(result.status());
  return *std::move(result);
}

// Python's Answer: gives the engine's memory back when Python drops it and every view of it.
struct PyAnswer {
  ReceivedAnswerPtr received;
};

// Python's HttpInferCall. `body` keeps the request's bytes where the call's segments point.
struct PyHttpInferCall {
  wire::HttpInferCall call;
  pybind11::object body;
  bool regions_denied = false;
};

// Throws where an answer is none of the model's. The tail consists of views of the answer's segments.
wire::HttpInferAnswer EncodeAnswer(const PyAnswer& answer, const wire::ResponseFormat& format);  // http_codec.cc

// What an HTTP inference is sent as.
inline Method HttpMethod(const wire::HttpInferCall& call, bool regions_denied) {
  const Method method = call.raw_binary ? Method::kRawInfer : Method::kModelInfer;
  return static_cast<Method>(static_cast<std::uint16_t>(method) | (regions_denied ? kRegionsDenied : 0));
}

void BindStatus(pybind11::module_& m);         // status.cc
void BindLog(pybind11::module_& m);            // log.cc: configure_log, start_access_log, stop_access_log
void BindModelSpec(pybind11::module_& m);      // model_spec.cc
void BindSchedulerSpec(pybind11::module_& m);  // scheduler_spec.cc: a part of BindModelSpec
void BindBackends(pybind11::module_& m);       // backends.cc: configure_onnxruntime
void BindModelLink(pybind11::module_& m);
void BindEngine(pybind11::module_& m);        // engine.cc: Engine, OpenedModel, LoadedModel, ControlCall
void BindMetrics(pybind11::module_& m);       // metrics.cc: ModelMetricsSpec, MetricsText
void BindStatistics(pybind11::module_& m);    // statistics.cc: ModelStatistics, DurationSum, BatchDurations
void BindHttpCodec(pybind11::module_& m);     // http_codec.cc: HttpInferCall, decode_http_infer, encode_http_infer
void BindHttpExchange(pybind11::module_& m);  // http_exchange.cc: InferExchange, begin_http_infer
void BindDeviceMemory(pybind11::module_& m);  // device_memory.cc: DeviceMemory
void BindClient(pybind11::module_& m);        // client.cc: Answer, ChannelClient

}  // namespace triton_lite::bindings
