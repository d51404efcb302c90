// Writes Prometheus' text format (version 0.0.4).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace triton_lite {

// By name: the order in which they are written.
using Labels = std::map<std::string, std::string>;

// `a="x",b="y"`, escaped.
std::string LabelText(const Labels& labels);

class TextWriter {
 public:
  // Begins a family; `type` is Prometheus' word.
  void Family(std::string_view name, std::string_view help, std::string_view type);
  // One line: the family's name, `suffix`, `labels` (as LabelText gives them, may be empty) and a value.
  void Sample(std::string_view suffix, std::string_view labels, double value);
  void Sample(std::string_view suffix, std::string_view labels, std::uint64_t value);
  // With one more label at the end, whose value is a number.
  void Sample(std::string_view suffix, std::string_view labels, std::string_view name, double number, double value);
  void Sample(std::string_view suffix, std::string_view labels, std::string_view name, double number,
              std::uint64_t value);

  const std::string& text() const { return text_; }
  std::string Take() && { return std::move(text_); }

 private:
  void Name(std::string_view suffix, std::string_view labels, std::string_view more_name, double more);
  void Number(double value);
  void Number(std::uint64_t value);
  template <typename Value>
  void Line(std::string_view suffix, std::string_view labels, std::string_view more_name, double more, Value value);

  std::string text_;
  std::string name_;
};

}  // namespace triton_lite
