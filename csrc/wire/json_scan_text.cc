#include <array>
#include <cstring>

#include "wire/json_scan.h"

namespace triton_lite::wire {
namespace {

constexpr char kBadEscape[] = "Invalid escape character in string.";  // Of control characters, too.
constexpr char kBadHex[] = "Incorrect hex digit after \\u escape in string.";
constexpr char kBadSurrogate[] = "The surrogate pair in string is invalid.";

// Characters that end a plain run of a string: quotation mark, backslash, control characters.
constexpr std::array<bool, 256> kSpecial = [] {
  std::array<bool, 256> special{};
  for (std::size_t c = 0; c < 0x20; ++c) {
    special[c] = true;
  }
  special['"'] = true;
  special['\\'] = true;
  return special;
}();

const char* SkipPlain(const char* at, const char* end) {
  while (at < end && !kSpecial[static_cast<unsigned char>(*at)]) {
    ++at;
  }
  return at;
}

char Unescape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return '\0';
  }
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool ScanHex4(JsonCursor* cursor, std::uint32_t* value) {
  *value = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = HexDigit(cursor->Peek());
    if (digit < 0) {
      return false;
    }
    *value = *value * 16 + static_cast<std::uint32_t>(digit);
    ++cursor->at;
  }
  return true;
}

void AppendUtf8(std::uint32_t code, std::string* out) {
  const auto tail = [&](unsigned shift) { return static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (code >> 6)));
    out->push_back(tail(0));
  } else if (code < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | (code >> 12)));
    out->push_back(tail(6));
    out->push_back(tail(0));
  } else {
    out->push_back(static_cast<char>(0xF0 | (code >> 18)));
    out->push_back(tail(12));
    out->push_back(tail(6));
    out->push_back(tail(0));
  }
}

// Behind "\u". Errors name the backslash, `escape`.
JsonError ScanUnicode(JsonCursor* cursor, const char* escape, std::string* out) {
  std::uint32_t code = 0;
  if (!ScanHex4(cursor, &code)) {
    return {kBadHex, escape};
  }
  if (code >= 0xD800 && code <= 0xDBFF) {  // A low surrogate alone passes, encoded like any other code.
    std::uint32_t low = 0;
    if (!cursor->Consume('\\') || !cursor->Consume('u')) {
      return {kBadSurrogate, escape};
    }
    if (!ScanHex4(cursor, &low)) {
      return {kBadHex, escape};
    }
    if (low < 0xDC00 || low > 0xDFFF) {
      return {kBadSurrogate, escape};
    }
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  AppendUtf8(code, out);
  return {};
}

// At a backslash.
JsonError ScanEscape(JsonCursor* cursor, std::string* out) {
  const char* const escape = cursor->at++;
  if (cursor->Consume('u')) {
    return ScanUnicode(cursor, escape, out);
  }
  const char plain = Unescape(cursor->Peek());
  if (plain == '\0') {
    return {kBadEscape, escape};
  }
  ++cursor->at;
  out->push_back(plain);
  return {};
}

}  // namespace

JsonError ScanString(JsonCursor* cursor, std::string* unescaped, std::string_view* text) {
  const char* run = cursor->at;
  bool escaped = false;
  while (true) {
    cursor->at = SkipPlain(cursor->at, cursor->end);
    const char c = cursor->Peek();
    if (c != '"' && c != '\\') {
      return {c == '\0' ? "Missing a closing quotation mark in string." : kBadEscape, cursor->at};
    }
    if (c == '"' && !escaped) {
      *text = std::string_view(run, static_cast<std::size_t>(cursor->at++ - run));
      return {};
    }
    unescaped->append(run, static_cast<std::size_t>(cursor->at - run));
    if (c == '"') {
      *text = *unescaped;
      ++cursor->at;
      return {};
    }
    escaped = true;
    if (const JsonError error = ScanEscape(cursor, unescaped)) {
      return error;
    }
    run = cursor->at;
  }
}

JsonError ScanLiteral(JsonCursor* cursor, JsonNode* node) {
  const char first = *cursor->at;
  node->type = first == 't' ? JsonType::kTrue : first == 'f' ? JsonType::kFalse : JsonType::kNull;
  const std::string_view rest = first == 't' ? "rue" : first == 'f' ? "alse" : "ull";
  ++cursor->at;
  for (const char c : rest) {
    if (!cursor->Consume(c)) {
      return {kInvalidValue, cursor->at};
    }
  }
  return {};
}

}  // namespace triton_lite::wire
