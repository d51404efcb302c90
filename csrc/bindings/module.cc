#include "bindings/bindings.h"

namespace tb = triton_lite::bindings;

PYBIND11_MODULE(_native, m) {
  m.doc() = "The data plane of triton_lite: engine, channel and codecs.";
  tb::BindStatus(m);
  tb::BindLog(m);
  tb::BindModelSpec(m);
  tb::BindBackends(m);
  tb::BindStatistics(m);
  tb::BindMetrics(m);
  tb::BindModelLink(m);
  tb::BindEngine(m);
  tb::BindHttpCodec(m);
  tb::BindHttpExchange(m);
  tb::BindDeviceMemory(m);
  tb::BindClient(m);
}
