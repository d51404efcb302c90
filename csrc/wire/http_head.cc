#include "wire/http_head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "wire/request_id.h"

namespace triton_lite::wire {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kMostHeadByteSize = 4096;
constexpr std::size_t kMostHeaders = 32;
// More digits are no length of a body that a server takes.
constexpr std::size_t kMostLengthDigits = 18;

// These change what a request is, how long it is, or how its answer is to look.
constexpr std::array<std::string_view, 9> kUnusual = {
    "content-encoding",  "expect",  "forwarded", "http2-settings",   "te",
    "transfer-encoding", "trailer", "upgrade",   "proxy-connection",
};
constexpr std::string_view kForwardedPrefix = "x-forwarded-";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsVisible(char c) { return c > 0x20 && c < 0x7F; }
bool IsAlphanumeric(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool IsToken(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return IsAlphanumeric(c) || kMarks.find(c) != std::string_view::npos;
}

bool IsHost(char c) {
  constexpr std::string_view kMarks = ".-_:[]";
  return IsAlphanumeric(c) || kMarks.find(c) != std::string_view::npos;
}

template <typename Predicate>
bool All(std::string_view text, Predicate predicate) {
  return !text.empty() && std::all_of(text.begin(), text.end(), predicate);
}

bool Take(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) {
    return false;
  }
  text->remove_prefix(prefix.size());
  return true;
}

// Names are given in lower case.
bool SameName(std::string_view name, std::string_view lower) {
  return name.size() == lower.size() &&
         std::equal(name.begin(), name.end(), lower.begin(), [](char a, char b) { return Lower(a) == b; });
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool ReadTarget(std::string_view line, InferHead* head) {
  if (!Take(&line, "POST /v2/models/") || !line.ends_with("/infer HTTP/1.1")) {
    return false;
  }
  line.remove_suffix(std::string_view("/infer HTTP/1.1").size());
  const std::size_t slash = line.find('/');
  head->model_name = line.substr(0, slash);
  if (slash != std::string_view::npos) {
    head->model_version = line.substr(slash + 1);
    if (!Take(&head->model_version, "versions/") || !All(head->model_version, IsDigit)) {
      return false;
    }
  }
  return All(head->model_name, [](char c) { return IsVisible(c) && c != '?' && c != '#'; });
}

// The headers of a request; no name comes twice.
class HeaderReader {
 public:
  explicit HeaderReader(InferHead* head) : head_(*head) {}

  bool Read(std::string_view line) {
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    if (colon == std::string_view::npos || count_ == kMostHeaders || !All(name, IsToken)) {
      return false;
    }
    names_[count_++] = name;
    const std::string_view value = Trimmed(line.substr(colon + 1));
    return std::all_of(value.begin(), value.end(), [](char c) { return IsVisible(c) || c == ' ' || c == '\t'; }) &&
           Use(name, value);
  }

  bool IsWhole() const {
    if (!has_host_ || !has_length_) {
      return false;
    }
    const std::span<const std::string_view> names(names_.data(), count_);
    for (std::size_t i = 1; i < count_; ++i) {
      const auto same = [&](std::string_view other) {
        return other.size() == names[i].size() && std::equal(other.begin(), other.end(), names[i].begin(),
                                                             [](char a, char b) { return Lower(a) == Lower(b); });
      };
      if (std::any_of(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), same)) {
        return false;
      }
    }
    return true;
  }

 private:
  bool Use(std::string_view name, std::string_view value) {
    if (SameName(name, "host")) {
      has_host_ = true;
      return All(value, IsHost);
    }
    if (SameName(name, "content-length")) {
      has_length_ = true;
      return value.size() <= kMostLengthDigits && All(value, IsDigit) &&
             std::from_chars(value.data(), value.data() + value.size(), head_.body_byte_size).ec == std::errc();
    }
    if (SameName(name, "inference-header-content-length")) {
      head_.header_length = value;
    } else if (SameName(name, "x-request-id")) {
      head_.request_id = FitsHeader(value) ? value : std::string_view();
    } else if (SameName(name, "connection")) {
      return SameName(value, "keep-alive");
    } else if (SameName(name, "accept-encoding")) {
      return SameName(value, "identity");
    }
    return !IsUnusual(name);
  }

  static bool IsUnusual(std::string_view name) {
    return SameName(name.substr(0, kForwardedPrefix.size()), kForwardedPrefix) ||
           std::any_of(kUnusual.begin(), kUnusual.end(), [&](std::string_view one) { return SameName(name, one); });
  }

  InferHead& head_;
  std::array<std::string_view, kMostHeaders> names_;
  std::size_t count_ = 0;
  bool has_host_ = false;
  bool has_length_ = false;
};

}  // namespace

std::optional<InferHead> ReadInferHead(std::string_view data) {
  const std::string_view searched = data.substr(0, kMostHeadByteSize);
  const std::size_t end = searched.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  InferHead head;
  head.byte_size = end + 2 * kLineEnd.size();
  std::string_view lines = data.substr(0, end + kLineEnd.size());
  const auto next_line = [&lines] {
    const std::size_t size = lines.find(kLineEnd);
    const std::string_view line = lines.substr(0, size);
    lines.remove_prefix(size + kLineEnd.size());
    return line;
  };
  if (!ReadTarget(next_line(), &head)) {
    return std::nullopt;
  }
  HeaderReader headers(&head);
  while (!lines.empty()) {
    if (!headers.Read(next_line())) {
      return std::nullopt;
    }
  }
  return headers.IsWhole() ? std::optional(head) : std::nullopt;
}

std::string InferReplyHead(const HttpInferAnswer& answer, std::size_t body_byte_size, std::string_view request_id) {
  std::string head = "HTTP/1.1 200 OK\r\ncontent-type: ";
  if (answer.has_binary) {
    head += "application/octet-stream\r\ninference-header-content-length: ";
    head += std::to_string(answer.json.size());
  } else {
    head += "application/json";
  }
  if (!request_id.empty()) {
    head += "\r\nx-request-id: ";
    head += request_id;
  }
  head += "\r\ncontent-length: ";
  head += std::to_string(body_byte_size);
  head += kLineEnd;
  return head;
}

}  // namespace triton_lite::wire
