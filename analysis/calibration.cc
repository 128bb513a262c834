#include "analysis/calibration.h"

#include <openssl/evp.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "analysis/peak.h"
#include "core/buffer.h"
#include "core/status.h"

namespace lutra {
namespace {

constexpr size_t kCipherBytes = size_t{4} << 20;
constexpr size_t kMemoryBytes = size_t{256} << 20;

double CpuSeconds() {
  timespec time;
  LUTRA_CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// The compiler must assume that the value is used, and that all memory is.
template <class T>
void Use(const T& value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

// The best rate of several runs of some milliseconds; `run` returns how many units it did.
double Best(const std::function<double()>& run) {
  constexpr int kRuns = 6;
  constexpr double kSeconds = 0.004;
  double best = 0;
  // Reading the clock takes a while itself, so not after every call.
  for (int64_t calls = 1, done = 0; done < kRuns;) {
    const double start = CpuSeconds();
    double units = 0;
    for (int64_t call = 0; call < calls; ++call) units += run();
    const double seconds = CpuSeconds() - start;
    if (seconds < kSeconds) {
      calls *= 2;
      continue;
    }
    best = std::max(best, units / seconds);
    ++done;
  }
  return best;
}

// Memory larger than the caches, touched once.
Buffer LargeBuffer() {
  Buffer buffer;
  buffer.Resize(kMemoryBytes);
  std::memset(buffer.bytes().data(), 1, kMemoryBytes);
  return buffer;
}

}  // namespace

double PeakProducts(size_t lane_bytes) {
  return Best([lane_bytes] {
    const Peak peak = RunPeak(lane_bytes, /*iterations=*/10000);
    Use(peak.value);
    return static_cast<double>(peak.products);
  });
}

double PeakCipher() {
  const std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> cipher(EVP_CIPHER_CTX_new(),
                                                                          EVP_CIPHER_CTX_free);
  const std::vector<uint8_t> key(16, 1);
  LUTRA_CHECK(
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_128_ctr(), nullptr, key.data(), key.data()) == 1);
  std::vector<uint8_t> bytes(kCipherBytes);
  return Best([&] {
    int written = 0;
    LUTRA_CHECK(EVP_EncryptUpdate(cipher.get(), bytes.data(), &written, bytes.data(),
                                  static_cast<int>(bytes.size())) == 1);
    return static_cast<double>(written);
  });
}

double PeakRead() {
  const Buffer buffer = LargeBuffer();
  const auto* words = reinterpret_cast<const uint64_t*>(buffer.bytes().data());
  return Best([words] {
    uint64_t sums[8] = {};
    for (size_t i = 0; i < kMemoryBytes / sizeof(uint64_t); i += 8) {
      for (size_t lane = 0; lane < 8; ++lane) sums[lane] += words[i + lane];
    }
    for (const uint64_t sum : sums) Use(sum);
    return static_cast<double>(kMemoryBytes);
  });
}

double PeakWrite() {
  Buffer buffer = LargeBuffer();
  return Best([&buffer] {
    std::memset(buffer.bytes().data(), 2, kMemoryBytes);
    Use(buffer.bytes().data());
    return static_cast<double>(kMemoryBytes);
  });
}

double PeakCopy(size_t bytes) {
  const std::vector<std::byte> from(bytes, std::byte{1});
  std::vector<std::byte> to(bytes);
  return Best([&] {
    std::memcpy(to.data(), from.data(), bytes);
    Use(to.data());
    return static_cast<double>(bytes);
  });
}

}  // namespace lutra
