#include "metrics/text_writer.h"

#include <array>
#include <charconv>
#include <cmath>

namespace triton_lite {
namespace {

void AppendEscaped(std::string_view value, std::string* text) {
  for (const char c : value) {
    if (c == '\n') {
      *text += "\\n";
    } else {
      if (c == '\\' || c == '"') {
        *text += '\\';
      }
      *text += c;
    }
  }
}

}  // namespace

std::string LabelText(const Labels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    text += text.empty() ? "" : ",";
    text += name;
    text += "=\"";
    AppendEscaped(value, &text);
    text += '"';
  }
  return text;
}

void TextWriter::Family(std::string_view name, std::string_view help, std::string_view type) {
  name_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help);
  text_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

void TextWriter::Number(std::uint64_t value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  text_.append(digits.data(), end.ptr);
}

void TextWriter::Number(double value) {
  // Most are whole.
  if (value >= 0 && value < 1e15 && value == std::floor(value)) {
    Number(static_cast<std::uint64_t>(value));
  } else if (std::isnan(value)) {
    text_ += "Nan";
  } else if (std::isinf(value)) {
    text_ += value < 0 ? "-Inf" : "+Inf";
  } else {
    // As prometheus-cpp writes them: %.16g.
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::general, 16);
    text_.append(digits.data(), end.ptr);
  }
}

void TextWriter::Name(std::string_view suffix, std::string_view labels, std::string_view more_name, double more) {
  text_.append(name_).append(suffix);
  if (labels.empty() && more_name.empty()) {
    return;
  }
  text_ += '{';
  text_ += labels;
  if (!more_name.empty()) {
    text_.append(labels.empty() ? "" : ",").append(more_name).append("=\"");
    Number(more);
    text_ += '"';
  }
  text_ += '}';
}

template <typename Value>
void TextWriter::Line(std::string_view suffix, std::string_view labels, std::string_view more_name, double more,
                      Value value) {
  Name(suffix, labels, more_name, more);
  text_ += ' ';
  Number(value);
  text_ += '\n';
}

void TextWriter::Sample(std::string_view suffix, std::string_view labels, double value) {
  Line(suffix, labels, {}, 0, value);
}

void TextWriter::Sample(std::string_view suffix, std::string_view labels, std::uint64_t value) {
  Line(suffix, labels, {}, 0, value);
}

void TextWriter::Sample(std::string_view suffix, std::string_view labels, std::string_view name, double number,
                        double value) {
  Line(suffix, labels, name, number, value);
}

void TextWriter::Sample(std::string_view suffix, std::string_view labels, std::string_view name, double number,
                        std::uint64_t value) {
  Line(suffix, labels, name, number, value);
}

}  // namespace triton_lite
