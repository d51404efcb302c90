#include "wire/json_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <type_traits>

namespace triton_lite::wire {
namespace {

// Where decimal notation gives way to an exponent.
constexpr int kMaxIntegerDigits = 21;
constexpr int kMinLeadingZeros = -6;

char* Copy(std::string_view text, char* out) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* Zeros(int count, char* out) {
  std::memset(out, '0', static_cast<std::size_t>(count));
  return out + count;
}

// `digits` are the significant ones of a number below 10^point and at least 10^(point - 1).
char* LayOut(std::string_view digits, int point, char* out) {
  const int count = static_cast<int>(digits.size());
  if (point >= count && point <= kMaxIntegerDigits) {
    return Copy(".0", Zeros(point - count, Copy(digits, out)));
  }
  if (point > 0 && point <= kMaxIntegerDigits) {
    const auto whole = static_cast<std::size_t>(point);
    return Copy(digits.substr(whole), Copy(".", Copy(digits.substr(0, whole), out)));
  }
  if (point > kMinLeadingZeros && point <= 0) {
    return Copy(digits, Zeros(-point, Copy("0.", out)));
  }
  out = Copy(digits.substr(0, 1), out);
  if (count > 1) {
    out = Copy(digits.substr(1), Copy(".", out));
  }
  *out++ = 'e';
  return std::to_chars(out, out + 5, point - 1).ptr;
}

// Shortest digits that give `value` back; *point as LayOut wants it.
std::string_view ShortestDigits(double value, char* buffer, int* point) {
  char* const end = std::to_chars(buffer, buffer + kMaxNumberLength, value, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t mark = text.find('e');
  const char* exponent = buffer + mark + (text[mark + 1] == '+' ? 2 : 1);
  std::from_chars(exponent, end, *point);
  ++*point;
  if (mark == 1) {
    return text.substr(0, 1);
  }
  buffer[1] = buffer[0];  // Over the decimal point: the digits are in one piece then.
  return text.substr(1, mark - 1);
}

constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> escapes{};
  for (std::size_t c = 0; c < 0x20; ++c) {
    escapes[c] = 'u';
  }
  escapes['\b'] = 'b';
  escapes['\f'] = 'f';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}();

void AppendEscape(char c, std::string* out) {
  constexpr char kHex[] = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out->push_back('\\');
  out->push_back(kEscapes[byte]);
  if (kEscapes[byte] == 'u') {
    out->append("00");
    out->push_back(kHex[byte >> 4]);
    out->push_back(kHex[byte & 15]);
  }
}

template <typename T>
char* WriteElement(T value, char* out) {
  if constexpr (std::is_floating_point_v<T>) {
    return WriteDouble(static_cast<double>(value), out);
  } else {
    return std::to_chars(out, out + kMaxNumberLength, value).ptr;
  }
}

// Elements in blocks, so that the string grows seldom and by little more than what it takes.
template <typename T>
void AppendNumbers(const std::byte* base, std::size_t count, std::string* out) {
  constexpr std::size_t kBlock = 1024;
  for (std::size_t done = 0; done < count;) {
    const std::size_t block = std::min(kBlock, count - done);
    const std::size_t size = out->size();
    out->resize(size + block * (kMaxNumberLength + 1));
    char* at = out->data() + size;
    for (std::size_t i = 0; i < block; ++i) {
      T value;
      std::memcpy(&value, base + (done + i) * sizeof(T), sizeof(T));
      at = WriteElement(value, at);
      *at++ = ',';
    }
    out->resize(static_cast<std::size_t>(at - out->data()));
    done += block;
  }
}

void AppendBools(const std::byte* base, std::size_t count, std::string* out) {
  for (std::size_t i = 0; i < count; ++i) {
    out->append(base[i] == std::byte{0} ? "false," : "true,");
  }
}

bool AppendTexts(Bytes bytes, std::size_t count, std::string* out) {
  std::size_t offset = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint32_t length = 0;
    if (bytes.size() - offset < sizeof(length)) {
      return false;
    }
    std::memcpy(&length, bytes.data() + offset, sizeof(length));
    offset += sizeof(length);
    if (bytes.size() - offset < length) {
      return false;
    }
    AppendJsonText(AsText(bytes.subspan(offset, length)), out);
    out->push_back(',');
    offset += length;
  }
  return true;
}

void AppendElements(DataType datatype, Bytes bytes, std::size_t count, std::string* out) {
  switch (datatype) {
    case DataType::kBool:
      return AppendBools(bytes.data(), count, out);
    case DataType::kUint8:
      return AppendNumbers<std::uint8_t>(bytes.data(), count, out);
    case DataType::kUint16:
      return AppendNumbers<std::uint16_t>(bytes.data(), count, out);
    case DataType::kUint32:
      return AppendNumbers<std::uint32_t>(bytes.data(), count, out);
    case DataType::kUint64:
      return AppendNumbers<std::uint64_t>(bytes.data(), count, out);
    case DataType::kInt8:
      return AppendNumbers<std::int8_t>(bytes.data(), count, out);
    case DataType::kInt16:
      return AppendNumbers<std::int16_t>(bytes.data(), count, out);
    case DataType::kInt32:
      return AppendNumbers<std::int32_t>(bytes.data(), count, out);
    case DataType::kInt64:
      return AppendNumbers<std::int64_t>(bytes.data(), count, out);
    case DataType::kFp32:
      return AppendNumbers<float>(bytes.data(), count, out);
    default:
      return AppendNumbers<double>(bytes.data(), count, out);
  }
}

Status CheckTensor(std::string_view name, DataType datatype, std::int64_t element_count, Bytes bytes) {
  if (datatype == DataType::kFp16 || datatype == DataType::kBf16) {
    return InvalidArgument("sending " + std::string(DataTypeName(datatype)) +
                           " data via JSON is not supported. Please use the binary data format for output");
  }
  if (datatype == DataType::kInvalid) {
    return InvalidArgument("Invalid data type for output tensor");
  }
  const std::size_t width = ElementByteSize(datatype);
  if (element_count < 0 ||
      (width > 0 && (bytes.size() % width != 0 || bytes.size() / width != static_cast<std::size_t>(element_count)))) {
    return Internal("Failed to write 'data' field: output tensor shape does not match size of output for '" +
                    std::string(name) + "'");
  }
  return {};
}

}  // namespace

char* WriteDouble(double value, char* out) {
  if (std::isnan(value)) {
    return Copy("NaN", out);
  }
  if (std::signbit(value)) {
    *out++ = '-';
    value = -value;
  }
  if (std::isinf(value)) {
    return Copy("Infinity", out);
  }
  if (value == 0) {
    return Copy("0.0", out);
  }
  char buffer[kMaxNumberLength];
  int point = 0;
  const std::string_view digits = ShortestDigits(value, buffer, &point);
  return LayOut(digits, point, out);
}

void AppendJsonText(std::string_view text, std::string* out) {
  out->push_back('"');
  std::size_t run = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kEscapes[static_cast<unsigned char>(text[i])] != 0) {
      out->append(text, run, i - run);
      AppendEscape(text[i], out);
      run = i + 1;
    }
  }
  out->append(text, run, text.size() - run);
  out->push_back('"');
}

void AppendJsonInt(std::int64_t value, std::string* out) {
  char buffer[kMaxNumberLength];
  out->append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr);
}

void AppendJsonUint(std::uint64_t value, std::string* out) {
  char buffer[kMaxNumberLength];
  out->append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr);
}

void AppendJsonDouble(double value, std::string* out) {
  char buffer[kMaxNumberLength];
  out->append(buffer, WriteDouble(value, buffer));
}

Status AppendJsonTensor(std::string_view name, DataType datatype, std::int64_t element_count, Bytes bytes,
                        std::string* out) {
  RETURN_IF_ERROR(CheckTensor(name, datatype, element_count, bytes));
  const auto count = static_cast<std::size_t>(element_count);
  out->push_back('[');
  if (datatype != DataType::kBytes) {
    AppendElements(datatype, bytes, count, out);
  } else if (!AppendTexts(bytes, count, out)) {
    return Internal("output tensor shape does not match size of output for '" + std::string(name) + "'");
  }
  if (count > 0) {
    out->pop_back();  // The comma after the last one.
  }
  out->push_back(']');
  return {};
}

}  // namespace triton_lite::wire
