// What lutra-client says of servers and sessions.
#ifndef LUTRA_PARTIES_CLIENT_REPORT_H_
#define LUTRA_PARTIES_CLIENT_REPORT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "models/inputs.h"
#include "parties/owners.h"

namespace lutra {

// A row for each server, and below them why those that did not answer did not.
std::string StatusTable(std::span<const ServerReport> reports);
// {"format": "lutra-status/1", "servers": [..]}, with programs and models one by one.
nlohmann::ordered_json StatusJson(std::span<const ServerReport> reports);

// What came out of the sessions for one file of examples.
struct InferReport {
  struct Session {
    Identifier session;
    Identifier tape;
    int64_t examples = 0;  // without those that fill it up
    double wait_seconds = 0;
    double seconds = 0;
    LinkTraffic traffic;
  };
  Identifier model;
  Digest program;
  int64_t batch = 1;
  std::vector<std::string> labels;  // names of the classes
  std::vector<Session> sessions;
  std::vector<int> predictions;  // by example
  std::vector<std::vector<int64_t>> logits;

  // Takes over a session for so many examples.
  void Add(const InferResult& result, int64_t examples);
};

std::string InferText(const InferReport& report, const Examples& examples);
// {"format": "lutra-infer/1", ..}.
nlohmann::ordered_json InferJson(const InferReport& report, const Examples& examples);

}  // namespace lutra

#endif  // LUTRA_PARTIES_CLIENT_REPORT_H_
