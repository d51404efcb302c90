// Traces as Triton's trace files have them.
#pragma once

#include <string>

#include "trace/trace_record.h"

namespace triton_lite {

// The elements of a trace file's array that make up one trace, with commas between them. Empty when nothing was
// recorded.
std::string TraceToJson(const TraceRecord& record);

// A tensor's elements as a trace file has them: numbers with commas, strings in quotation marks, nothing for FP16 and
// BF16. Stops where the bytes end.
std::string TensorToText(DataType datatype, const Shape& shape, const std::string& bytes);

}  // namespace triton_lite
