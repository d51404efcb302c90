// A scheduler under the orders of another program: commands come on stdin, one a line, replies leave on stdout, one a
// line. Instances are fake and block: a test sees what batch an instance runs, and says when that ends.
//
//   make KEY=VALUE...        a new scheduler; what the keys mean is the program's choice   -> ok
//                            (instances=N; away=1: they run batches on threads of their own)
//   enqueue ID KEY=VALUE...  batch=N priority=N timeout=MICROSECONDS id=N|TEXT (of a sequence) flags=N
//                            input=NAME:DIM,DIM[:BYTE] (any number of them)                -> ok
//   cancel ID                                                                              -> ok
//   run                      waits for the next batch that starts           -> run NUMBER INSTANCE WHAT...
//   runs                     how many batches have started so far                          -> runs COUNT
//   finish NUMBER [ERROR]    ends a batch: its requests get an answer, or the error        -> ok
//   answer ID                waits for the last answer to a request                        -> answer CODE TEXT
//   answers                  who has got an answer so far, in order                        -> answers ID...
//   pending                                                                                -> pending COUNT
//   pass MICROSECONDS        lets time pass                                                -> ok
//   drain                    lets go of every instance and drains the scheduler            -> ok
//   quit                     (or the end of stdin)
//
// A command that is wrong is answered with "error TEXT". A program may add commands of its own.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "schedule/fakes.h"
#include "schedule/scheduler.h"

namespace triton_lite::testing {

// The words of one command: those without '=' in their order, the others by key.
class Arguments {
 public:
  explicit Arguments(const std::string& line) {
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos) {
        words_.push_back(word);
      } else {
        values_.emplace(word.substr(0, equals), word.substr(equals + 1));
      }
    }
  }

  // Empty when there are fewer.
  std::string word(std::size_t i) const { return i < words_.size() ? words_[i] : ""; }
  bool has(const std::string& key) const { return values_.count(key) > 0; }
  std::string text(const std::string& key) const {
    const auto it = values_.find(key);
    return it == values_.end() ? "" : it->second;
  }
  std::uint64_t number(const std::string& key, std::uint64_t otherwise = 0) const {
    return has(key) ? std::strtoull(text(key).c_str(), nullptr, 10) : otherwise;
  }
  // Of a key that may come more than once.
  std::vector<std::string> all(const std::string& key) const {
    std::vector<std::string> values;
    for (auto [it, end] = values_.equal_range(key); it != end; ++it) {
      values.push_back(it->second);
    }
    return values;
  }
  // All keys that start with `prefix`, without it.
  std::vector<std::pair<std::string, std::string>> with_prefix(const std::string& prefix) const {
    std::vector<std::pair<std::string, std::string>> found;
    for (const auto& [key, value] : values_) {
      if (key.rfind(prefix, 0) == 0) {
        found.emplace_back(key.substr(prefix.size()), value);
      }
    }
    return found;
  }

 private:
  std::vector<std::string> words_;
  std::multimap<std::string, std::string> values_;
};

inline std::vector<std::string> SplitText(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) {
    parts.push_back(part);
  }
  return parts;
}

inline void AddInputText(InferenceRequest* request, const std::string& text) {
  const std::vector<std::string> parts = SplitText(text, ':');
  Shape shape;
  for (const std::string& dim : SplitText(parts.size() > 1 ? parts[1] : "", ',')) {
    shape.push_back(std::strtoll(dim.c_str(), nullptr, 10));
  }
  AddInput(*request, parts[0], shape);
  if (parts.size() > 2) {
    Buffer data = AllocateHeap(1).value();
    *data.data = static_cast<std::byte>(std::strtoul(parts[2].c_str(), nullptr, 10));
    request->inputs.back().data = std::move(data);
  }
}

// The request that "enqueue" describes.
inline RequestPtr ReadRequest(const Arguments& words, Record* record) {
  RequestPtr request = MakeRequest(words.word(1), record, static_cast<std::uint32_t>(words.number("batch", 1)));
  request->priority = words.number("priority");
  request->timeout_microseconds = words.number("timeout");
  request->flags = static_cast<std::uint32_t>(words.number("flags"));
  const std::string id = words.text("id");
  if (!id.empty() && id.find_first_not_of("0123456789") == std::string::npos) {
    request->correlation_id = words.number("id");
  } else if (!id.empty()) {
    request->correlation_id = id;
  }
  for (const std::string& input : words.all("input")) {
    AddInputText(request.get(), input);
  }
  return request;
}

// Where fake instances wait for orders.
class Stage {
 public:
  // `describe`: how a request of a batch shows in the reply to "run".
  explicit Stage(std::function<std::string(const InferenceRequest&)> describe) : describe_(std::move(describe)) {}

  // On the thread of an instance: shows the batch, waits for "finish", returns its error text.
  std::string Enter(int instance, Batch batch) {
    std::unique_lock lock(mu_);
    const std::size_t number = runs_.size();
    runs_.push_back({instance, {}, open_, ""});
    for (const InferenceRequest* request : batch) {
      runs_.back().what.append(" ").append(describe_(*request));
    }
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_ || runs_[number].finished; });
    return runs_[number].error;
  }

  std::string NextRun() {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return shown_ < runs_.size(); });
    const std::size_t number = shown_++;
    return "run " + std::to_string(number) + " " + std::to_string(runs_[number].instance) + runs_[number].what;
  }
  std::size_t count() {
    const std::lock_guard lock(mu_);
    return runs_.size();
  }
  bool Finish(std::size_t number, const std::string& error) {
    const std::lock_guard lock(mu_);
    if (number >= runs_.size() || runs_[number].finished) {
      return false;
    }
    runs_[number].finished = true;
    runs_[number].error = error;
    changed_.notify_all();
    return true;
  }
  // From now on nobody waits.
  void Open() {
    const std::lock_guard lock(mu_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  struct Run {
    int instance;
    std::string what;
    bool finished;
    std::string error;
  };

  const std::function<std::string(const InferenceRequest&)> describe_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<Run> runs_;
  std::size_t shown_ = 0;
  bool open_ = false;
};

class StagedInstance : public BackendInstance {
 public:
  StagedInstance(Stage* stage, int number) : stage_(stage), number_(number) {}
  void Execute(Batch batch) override {
    const std::string error = stage_->Enter(number_, batch);
    for (InferenceRequest* request : batch) {
      if (request->responder == nullptr) {
        continue;  // Nobody asked for it: a place that a scheduler filled.
      }
      if (error.empty()) {
        request->responder->Send({}, true);
      } else {
        request->responder->Fail(Internal(error));
      }
    }
  }

 private:
  Stage* const stage_;
  const int number_;
};

class SchedulerDriver {
 public:
  using Make = std::function<std::unique_ptr<Scheduler>(const Arguments&, Instances)>;
  using Command = std::function<std::string(const Arguments&)>;

  // `make` gets as many instances as the key "instances" says, one without it.
  explicit SchedulerDriver(
      Make make,
      std::function<std::string(const InferenceRequest&)> describe = [](const auto& request) { return request.id; })
      : make_(std::move(make)), describe_(std::move(describe)) {
    commands_ = {
        {"make", [this](const Arguments& words) { return MakeScheduler(words); }},
        {"enqueue", [this](const Arguments& words) { return Enqueue(words); }},
        {"cancel", [this](const Arguments& words) { return Cancel(words.word(1)); }},
        {"run", [this](const Arguments&) { return stage_->NextRun(); }},
        {"runs", [this](const Arguments&) { return "runs " + std::to_string(stage_->count()); }},
        {"finish", [this](const Arguments& words) { return Finish(words); }},
        {"answer", [this](const Arguments& words) { return AnswerOf(words.word(1)); }},
        {"answers", [this](const Arguments&) { return Answers(); }},
        {"pending", [this](const Arguments&) { return "pending " + std::to_string(scheduler_->pending()); }},
        {"pass", [](const Arguments& words) { return Pass(words.word(1)); }},
        {"drain", [this](const Arguments&) { return Drain(); }},
    };
  }
  ~SchedulerDriver() { Drain(); }

  void Add(const std::string& name, Command command) { commands_[name] = std::move(command); }
  Scheduler& scheduler() { return *scheduler_; }

  // Until "quit" or the end of stdin. Returns the exit code of the program.
  int Serve() {
    for (std::string line; std::getline(std::cin, line) && line != "quit";) {
      const Arguments words(line);
      const auto command = commands_.find(words.word(0));
      if (command == commands_.end()) {
        std::cout << "error no command " << words.word(0) << std::endl;
      } else if (scheduler_ == nullptr && words.word(0) != "make") {
        std::cout << "error nothing is made" << std::endl;
      } else {
        std::cout << command->second(words) << std::endl;
      }
    }
    Drain();
    return EXIT_SUCCESS;
  }

 private:
  std::string MakeScheduler(const Arguments& words) {
    Drain();
    scheduler_.reset();
    tokens_.clear();
    record_ = std::make_unique<Record>();
    stage_ = std::make_unique<Stage>(describe_);
    Instances instances;
    for (int i = 0; i < static_cast<int>(words.number("instances", 1)); ++i) {
      std::unique_ptr<BackendInstance> instance = std::make_unique<StagedInstance>(stage_.get(), i);
      if (words.number("away") != 0) {
        instance = std::make_unique<AwayInstance>(std::move(instance), &away_);
      }
      instances.push_back(std::move(instance));
    }
    scheduler_ = make_(words, std::move(instances));
    return "ok";
  }

  std::string Enqueue(const Arguments& words) {
    RequestPtr request = ReadRequest(words, record_.get());
    tokens_[request->id] = request->cancel;
    scheduler_->Enqueue(std::move(request), {});
    return "ok";
  }

  std::string Cancel(const std::string& request) {
    const auto token = tokens_.find(request);
    if (token == tokens_.end()) {
      return "error no request " + request;
    }
    token->second->Cancel();
    return "ok";
  }

  std::string Finish(const Arguments& words) {
    return stage_->Finish(std::strtoull(words.word(1).c_str(), nullptr, 10), words.word(2)) ? "ok"
                                                                                            : "error no such batch";
  }

  std::string AnswerOf(const std::string& request) {
    for (std::size_t seen = 0;; ++seen) {
      record_->WaitFor(seen + 1);
      const RecordedReply reply = record_->replies()[seen];
      if (reply.request == request && reply.last) {
        return "answer " + std::to_string(static_cast<int>(reply.code)) + " " + reply.what;
      }
    }
  }

  std::string Answers() {
    std::string text = "answers";
    for (const RecordedReply& reply : record_->replies()) {
      if (reply.last) {
        text.append(" ").append(reply.request);
      }
    }
    return text;
  }

  static std::string Pass(const std::string& microseconds) {
    const std::uint64_t end = NowNanoseconds() + 1000 * std::strtoull(microseconds.c_str(), nullptr, 10);
    while (NowNanoseconds() <= end) {
      std::this_thread::yield();
    }
    return "ok";
  }

  std::string Drain() {
    if (scheduler_ != nullptr) {
      stage_->Open();
      scheduler_->Drain();
      away_.Join();
    }
    return "ok";
  }

  const Make make_;
  const std::function<std::string(const InferenceRequest&)> describe_;
  std::map<std::string, Command> commands_;
  std::map<std::string, std::shared_ptr<CancelToken>> tokens_;
  std::unique_ptr<Record> record_;
  std::unique_ptr<Stage> stage_;
  AwayThreads away_;
  std::unique_ptr<Scheduler> scheduler_;  // Goes before what its instances use.
};

}  // namespace triton_lite::testing
