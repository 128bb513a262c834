#include "core/thread_pool.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace lutra {
namespace {

TEST_CASE("A loop visits every index once, in ranges of the grain", "[core][thread_pool]") {
  const int threads = GENERATE(1, 2, 4);
  ThreadPool pool(threads);
  CHECK(pool.threads() == threads);
  for (const int64_t total : {0, 1, 7, 64, 1000}) {
    for (const int64_t grain : {1, 3, 64, 2000}) {
      std::vector<std::atomic<int>> visits(static_cast<size_t>(total));
      std::atomic<int> odd_ranges{0};
      pool.ParallelFor(total, grain, [&](int64_t begin, int64_t end) {
        // One thread alone may take all ranges at once.
        if (begin % grain != 0 || ((end - begin) % grain != 0 && end != total)) ++odd_ranges;
        for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
      });
      CHECK(odd_ranges == 0);
      CHECK(
          std::all_of(visits.begin(), visits.end(), [](const auto& count) { return count == 1; }));
    }
  }
}

TEST_CASE("Every thread takes part", "[core][thread_pool]") {
  ThreadPool pool(3);
  std::mutex mutex;
  std::set<std::thread::id> seen;
  // Each range waits until three threads have one, or gives up.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  pool.ParallelFor(3, 1, [&](int64_t, int64_t) {
    for (;;) {
      {
        std::lock_guard lock(mutex);
        seen.insert(std::this_thread::get_id());
        if (seen.size() == 3) return;
      }
      if (std::chrono::steady_clock::now() > deadline) return;
      std::this_thread::yield();
    }
  });
  CHECK(seen.size() == 3);
}

TEST_CASE("Loops from several threads take turns", "[core][thread_pool]") {
  ThreadPool pool(2);
  std::atomic<int64_t> sum{0};
  std::array<std::atomic<int>, 3> running{};
  std::atomic<int> overlaps{0};
  std::vector<std::thread> callers;
  for (size_t caller = 0; caller < running.size(); ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 100; ++round) {
        pool.ParallelFor(50, 1, [&](int64_t begin, int64_t end) {
          ++running[caller];
          for (int64_t i = begin; i < end; ++i) sum += i;
          for (size_t other = 0; other < running.size(); ++other) {
            if (other != caller && running[other] != 0) ++overlaps;
          }
          --running[caller];
        });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(sum == 3 * 100 * (49 * 50 / 2));
  CHECK(overlaps == 0);
}

}  // namespace
}  // namespace lutra
