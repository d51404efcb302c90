#include "wire/http_head.h"

#include "check.h"

using namespace triton_lite;
using namespace triton_lite::wire;

namespace {

const std::string kLine = "POST /v2/models/m/infer HTTP/1.1\r\n";
const std::string kNeeded = "Host: localhost:8000\r\nContent-Length: 12\r\n";

std::string Request(const std::string& more) { return kLine + kNeeded + more + "\r\n"; }

bool IsUsual(const std::string& data) { return ReadInferHead(data).has_value(); }

}  // namespace

TEST(ReadsAllThatARequestNeeds) {
  const std::string data =
      "POST /v2/models/a%20b/versions/3/infer HTTP/1.1\r\nHost: [::1]:8000\r\nuser-agent: some one\r\n"
      "content-LENGTH:  0042\t\r\nInference-Header-Content-Length: 7\r\nX-Request-Id: id 1\r\n"
      "Connection: Keep-Alive\r\nAccept-Encoding: identity\r\n\r\nbody";
  const auto head = ReadInferHead(data);
  CHECK(head.has_value());
  CHECK_EQ(head->byte_size, data.size() - 4);
  CHECK_EQ(head->model_name, "a%20b");
  CHECK_EQ(head->model_version, "3");
  CHECK_EQ(head->body_byte_size, 42u);
  CHECK_EQ(head->header_length.value_or(""), "7");
  CHECK_EQ(head->request_id, "id 1");
}

TEST(NeedsNoMoreThanHostAndLength) {
  const std::string data = Request("");
  const auto head = ReadInferHead(data);
  CHECK(head.has_value());
  CHECK_EQ(head->model_name, "m");
  CHECK(head->model_version.empty() && !head->header_length && head->request_id.empty());
  CHECK(!IsUsual(kLine + "Host: x\r\n\r\n"));
  CHECK(!IsUsual(kLine + "Content-Length: 1\r\n\r\n"));
}

TEST(IsWholeOrNothing) {
  const std::string whole = Request("a: b\r\n");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK(!IsUsual(whole.substr(0, size)));
  }
  CHECK(IsUsual(whole));
}

TEST(OtherRequestsAreNotUsual) {
  for (const char* line : {
           "GET /v2/models/m/infer HTTP/1.1",
           "POST /v2/models/m/infer HTTP/1.0",
           "POST /v2/models/m/infer",
           "POST /v2/models/m/generate HTTP/1.1",
           "POST /v2/models//infer HTTP/1.1",
           "POST /v2/models/infer HTTP/1.1",
           "POST /v2/models/m/infer?x=1 HTTP/1.1",
           "POST /v2/models/m?/infer HTTP/1.1",
           "POST /v2/models/m#/infer HTTP/1.1",
           "POST /v2/models/m n/infer HTTP/1.1",
           "POST /v2/models/m/versions/infer HTTP/1.1",
           "POST /v2/models/m/versions//infer HTTP/1.1",
           "POST /v2/models/m/versions/x/infer HTTP/1.1",
           "POST /v2/models/m/versions/1/2/infer HTTP/1.1",
           "POST  /v2/models/m/infer HTTP/1.1",
           "POST http://h/v2/models/m/infer HTTP/1.1",
           "POST /v2/models/\xC3\xA4/infer HTTP/1.1",
           " POST /v2/models/m/infer HTTP/1.1",
       }) {
    CHECK(!IsUsual(std::string(line) + "\r\n" + kNeeded + "\r\n"));
  }
}

TEST(HeadersThatChangeARequestAreNotUsual) {
  for (const char* header : {
           "Transfer-Encoding: chunked",
           "Content-Encoding: gzip",
           "Accept-Encoding: gzip",
           "accept-encoding:",
           "Expect: 100-continue",
           "Connection: close",
           "Connection: keep-alive, TE",
           "TE: trailers",
           "Trailer: x",
           "Upgrade: h2c",
           "HTTP2-Settings: x",
           "Forwarded: for=x",
           "X-Forwarded-For: 1.2.3.4",
           "x-forwarded-proto: x",
           "Proxy-Connection: close",
       }) {
    CHECK(!IsUsual(Request(std::string(header) + "\r\n")));
  }
  CHECK(IsUsual(Request("X-Forward: x\r\n")));
}

TEST(HeadersThatMightBeReadInTwoWaysAreNotUsual) {
  for (const char* header : {
           "Content-Length: 12",
           "host: x",
           "a: 1\r\nA: 2",
           "a : b",
           " a: b",
           "a\t: b",
           ": b",
           "a",
           "a: b\r\n c",
           "a: b\nContent-Length: 5",
           "a: b\rc",
           "a: \x01",
           "a: \x7F",
           "a: \xE4",
           "a(: b",
           "\xE4: b",
       }) {
    CHECK(!IsUsual(Request(std::string(header) + "\r\n")));
  }
  for (const char* length : {"", "-1", "+1", "1 2", "0x1", "1,1", "1234567890123456789"}) {
    CHECK(!IsUsual(kLine + "Host: x\r\nContent-Length: " + length + "\r\n\r\n"));
  }
  for (const char* host : {"", "a b", "a/b", "a@b", "a,b"}) {
    CHECK(!IsUsual(kLine + "Content-Length: 1\r\nHost: " + host + "\r\n\r\n"));
  }
  CHECK(!IsUsual(Request(std::string("a: \0\r\n", 6))));
}

TEST(HeadsAreBounded) {
  std::string many;
  for (int i = 0; i < 30; ++i) {
    many.append("h").append(std::to_string(i)).append(": x\r\n");
  }
  CHECK(IsUsual(Request(many)));
  CHECK(!IsUsual(Request(many + "one: more\r\n")));
  CHECK(!IsUsual(Request("long: " + std::string(4096, 'x') + "\r\n")));
}

TEST(OnlyIdsThatFitAHeaderAreGivenBack) {
  const std::string data = Request("x-request-id: " + std::string(257, 'x') + "\r\n");
  const auto head = ReadInferHead(data);
  CHECK(head.has_value() && head->request_id.empty());
}

TEST(WritesTheHeadOfAnAnswer) {
  HttpInferAnswer answer;
  answer.json = "{}";
  CHECK_EQ(InferReplyHead(answer, 2, ""), "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n");
  answer.has_binary = true;
  const std::string_view tail = "1234";
  answer.tail.push_back(AsBytes(tail));
  CHECK_EQ(answer.byte_size(), 6u);
  CHECK_EQ(InferReplyHead(answer, answer.byte_size(), "7"),
           "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ninference-header-content-length: 2\r\n"
           "x-request-id: 7\r\ncontent-length: 6\r\n");
  std::string body(answer.byte_size(), ' ');
  answer.Write(body.data());
  CHECK_EQ(body, "{}1234");
}

TEST_MAIN()
