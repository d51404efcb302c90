#include "wire/infer_message.h"

#include <string>

#include "wire/infer_decode.h"
#include "wire/infer_fields.h"

namespace triton_lite::wire {
namespace {

class RequestDecoder {
 public:
  explicit RequestDecoder(bool may_be_http) : may_be_http_(may_be_http) {}

  // False came of that.
  bool has_too_many_tensors() const { return has_too_many_tensors_; }

  bool Decode(Bytes message, InferRequestView* view) {
    PbReader reader(message);
    PbTag tag;
    while (!reader.done()) {
      if (!reader.ReadTag(&tag)) {
        return false;
      }
      const bool well_formed =
          tag.type == WireType::kBytes ? ReadField(reader, tag, view) : ReadScalarField(reader, tag, view);
      if (!well_formed) {
        return false;
      }
    }
    KeepLastOfEachName(&view->parameters);
    return true;
  }

 private:
  bool ReadScalarField(PbReader& reader, PbTag tag, InferRequestView* view) {
    if (may_be_http_ && tag.field == request_field::kFromHttp) {
      view->from_http = true;
      common_.TrustText();
    }
    return reader.Skip(tag);
  }

  bool ReadField(PbReader& reader, PbTag tag, InferRequestView* view) {
    switch (tag.field) {
      case request_field::kModelName:
        return common_.ReadText(reader, &view->model_name);
      case request_field::kModelVersion:
        return common_.ReadText(reader, &view->model_version);
      case request_field::kId:
        return common_.ReadText(reader, &view->id);
      case request_field::kParameters:
        return common_.ReadParameter(reader, &view->parameters);
      case request_field::kInputs:
        return HasRoom(view->inputs.size()) && ReadInput(reader, &view->inputs.emplace_back());
      case request_field::kOutputs:
        return HasRoom(view->outputs.size()) && ReadOutput(reader, &view->outputs.emplace_back());
      case request_field::kRawInputContents:
        return reader.ReadBytes(&view->raw_input_contents.emplace_back());
      default:
        return reader.Skip(tag);
    }
  }

  bool HasRoom(std::size_t tensors) {
    has_too_many_tensors_ = tensors >= kMostTensors;
    return !has_too_many_tensors_;
  }

  bool ReadInput(PbReader& outer, InferInputView* input) {
    Bytes message;
    if (!outer.ReadBytes(&message)) {
      return false;
    }
    PbReader reader(message);
    PbTag tag;
    while (!reader.done()) {
      if (!reader.ReadTag(&tag) || !ReadInputField(reader, tag, input)) {
        return false;
      }
    }
    KeepLastOfEachName(&input->parameters);
    return true;
  }

  bool ReadInputField(PbReader& reader, PbTag tag, InferInputView* input) {
    if (tag.field == tensor_field::kShape) {
      return ReadShape(reader, tag, &input->shape);
    }
    if (tag.type != WireType::kBytes) {
      return reader.Skip(tag);
    }
    switch (tag.field) {
      case tensor_field::kName:
        return common_.ReadText(reader, &input->name);
      case tensor_field::kDatatype:
        return common_.ReadText(reader, &input->datatype);
      case tensor_field::kParameters:
        return common_.ReadParameter(reader, &input->parameters);
      case tensor_field::kContents:
        return ReadContents(reader, &input->contents);
      default:
        return reader.Skip(tag);
    }
  }

  bool ReadOutput(PbReader& outer, InferOutputView* output) {
    Bytes message;
    if (!outer.ReadBytes(&message)) {
      return false;
    }
    PbReader reader(message);
    PbTag tag;
    while (!reader.done()) {
      if (!reader.ReadTag(&tag)) {
        return false;
      }
      bool well_formed = false;
      if (tag.field == requested_output_field::kName && tag.type == WireType::kBytes) {
        well_formed = common_.ReadText(reader, &output->name);
      } else if (tag.field == requested_output_field::kParameters && tag.type == WireType::kBytes) {
        well_formed = common_.ReadParameter(reader, &output->parameters);
      } else {
        well_formed = reader.Skip(tag);
      }
      if (!well_formed) {
        return false;
      }
    }
    KeepLastOfEachName(&output->parameters);
    return true;
  }

  const bool may_be_http_;
  InferMessageReader common_;
  bool has_too_many_tensors_ = false;
};

class ResponseDecoder {
 public:
  // The engine wrote the text: it may carry what a client sent by HTTP, where nobody checks it.
  ResponseDecoder() { common_.TrustText(); }

  bool Decode(Bytes message, InferResponseView* view) {
    PbReader reader(message);
    PbTag tag;
    while (!reader.done()) {
      if (!reader.ReadTag(&tag) || !ReadField(reader, tag, view)) {
        return false;
      }
    }
    return true;
  }

 private:
  bool ReadField(PbReader& reader, PbTag tag, InferResponseView* view) {
    if (tag.type != WireType::kBytes) {
      return reader.Skip(tag);
    }
    switch (tag.field) {
      case response_field::kModelName:
        return common_.ReadText(reader, &view->model_name);
      case response_field::kModelVersion:
        return common_.ReadText(reader, &view->model_version);
      case response_field::kId:
        return common_.ReadText(reader, &view->id);
      case response_field::kParameters:
        return common_.ReadParameter(reader, &view->parameters);
      case response_field::kOutputs:
        return ReadOutput(reader, &view->outputs.emplace_back());
      default:
        return reader.Skip(tag);
    }
  }

  bool ReadOutput(PbReader& outer, InferOutputMeta* output) {
    Bytes message;
    if (!outer.ReadBytes(&message)) {
      return false;
    }
    PbReader reader(message);
    PbTag tag;
    while (!reader.done()) {
      if (!reader.ReadTag(&tag) || !ReadOutputField(reader, tag, output)) {
        return false;
      }
    }
    return true;
  }

  bool ReadOutputField(PbReader& reader, PbTag tag, InferOutputMeta* output) {
    if (tag.field == tensor_field::kShape) {
      return ReadShape(reader, tag, &output->shape);
    }
    if (tag.type != WireType::kBytes) {
      return reader.Skip(tag);
    }
    switch (tag.field) {
      case tensor_field::kName:
        return common_.ReadText(reader, &output->name);
      case tensor_field::kDatatype:
        return common_.ReadText(reader, &output->datatype);
      case tensor_field::kParameters:
        return common_.ReadParameter(reader, &output->parameters);
      default:
        return reader.Skip(tag);
    }
  }

  InferMessageReader common_;
};

}  // namespace

Status DecodeInferRequest(Bytes message, InferRequestView* view, bool may_be_http) {
  RequestDecoder decoder(may_be_http);
  if (decoder.Decode(message, view)) {
    return {};
  }
  return decoder.has_too_many_tensors()
             ? InvalidArgument("a request may have at most " + std::to_string(kMostTensors) + " inputs and outputs")
             : Internal("Unable to parse request");
}

Status DecodeInferResponse(Bytes message, InferResponseView* view) {
  return ResponseDecoder().Decode(message, view) ? Status() : Internal("Unable to parse response");
}

}  // namespace triton_lite::wire
