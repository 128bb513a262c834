#include "core/prg.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

namespace lutra {
namespace {

constexpr size_t kBlockBytes = 16;
// Blocks encrypted at once: enough to hide the cost of the call, few enough for the first cache.
constexpr size_t kBatch = 256;
// From so many blocks on a run is expanded by OpenSSL's own counter mode, which has to be told
// where it starts.
constexpr size_t kRun = 64;

static_assert(std::endian::native == std::endian::little, "lanes are taken as they lie");

struct CipherFree {
  void operator()(EVP_CIPHER_CTX* cipher) const { EVP_CIPHER_CTX_free(cipher); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, CipherFree>;

Context NewContext() {
  Context context(EVP_CIPHER_CTX_new());
  LUTRA_CHECK(context != nullptr);
  return context;
}

// Contexts with one key's schedule in them: for single blocks, and for runs of them.
struct Cipher {
  Context blocks;
  Context runs;
};

// Encrypts whole blocks; `from` and `to` may be the same.
void Encrypt(const Context& context, const uint8_t* from, uint8_t* to, size_t count) {
  const int bytes = static_cast<int>(count * kBlockBytes);
  int written = 0;
  LUTRA_CHECK(EVP_EncryptUpdate(context.get(), to, &written, from, bytes) == 1);
  LUTRA_CHECK(written == bytes);
}

// The first half of a counter block as it lies in memory.
uint64_t Prefix(Stream stream) {
  return __builtin_bswap64(uint64_t{stream.node} << 32 | stream.field);
}

void WriteCounter(uint64_t prefix, uint64_t index, uint8_t* block) {
  const uint64_t words[2] = {prefix, __builtin_bswap64(index)};
  std::memcpy(block, words, sizeof(words));
}

// Writes the blocks first, first + 1, ... of the stream.
void WriteBlocks(const Cipher& cipher, uint64_t prefix, uint64_t first, uint8_t* blocks,
                 size_t count) {
  for (size_t i = 0; i < count; ++i) WriteCounter(prefix, first + i, blocks + i * kBlockBytes);
  Encrypt(cipher.blocks, blocks, blocks, count);
}

// Sets where the next run starts.
void StartRun(const Cipher& cipher, uint64_t prefix, uint64_t first) {
  std::array<uint8_t, kBlockBytes> counter;
  WriteCounter(prefix, first, counter.data());
  LUTRA_CHECK(EVP_EncryptInit_ex(cipher.runs.get(), nullptr, nullptr, nullptr, counter.data()) ==
              1);
}

// The next blocks of the run: the stream is what counter mode adds to zeros.
void ContinueRun(const Cipher& cipher, uint8_t* blocks, size_t count) {
  static constexpr std::array<uint8_t, kBatch * kBlockBytes> kZeros{};
  Encrypt(cipher.runs, kZeros.data(), blocks, count);
}

template <class Lane>
void Reduce(Ring ring, std::span<Lane> lanes) {
  if (ring.fills_lane()) return;
  const Lane mask = static_cast<Lane>(ring.mask());
  for (Lane& lane : lanes) lane = static_cast<Lane>(lane & mask);
}

}  // namespace

// Contexts with the key schedule in them: a prototype, and as many copies as calls ran at once.
class Prg::Ciphers {
 public:
  explicit Ciphers(const Key& key) : prototype_{NewContext(), NewContext()} {
    const auto start = [&](const Context& context, const EVP_CIPHER* mode) {
      const uint8_t* iv = key.bytes.data();  // any; StartRun sets it
      LUTRA_CHECK(EVP_EncryptInit_ex(context.get(), mode, nullptr, key.bytes.data(), iv) == 1);
      EVP_CIPHER_CTX_set_padding(context.get(), 0);
    };
    start(prototype_.blocks, EVP_aes_128_ecb());
    start(prototype_.runs, EVP_aes_128_ctr());
  }

  // One for the caller alone, until it is given back.
  Cipher Take() {
    std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      Cipher cipher = std::move(free_.back());
      free_.pop_back();
      return cipher;
    }
    Cipher cipher{NewContext(), NewContext()};
    LUTRA_CHECK(EVP_CIPHER_CTX_copy(cipher.blocks.get(), prototype_.blocks.get()) == 1);
    LUTRA_CHECK(EVP_CIPHER_CTX_copy(cipher.runs.get(), prototype_.runs.get()) == 1);
    return cipher;
  }

  void GiveBack(Cipher cipher) {
    std::lock_guard lock(mutex_);
    free_.push_back(std::move(cipher));
  }

 private:
  std::mutex mutex_;
  Cipher prototype_;  // OpenSSL wipes a context's key schedule when it frees it
  std::vector<Cipher> free_;
};

Prg::Prg(const Key& key) : ciphers_(std::make_unique<Ciphers>(key)) {}
Prg::~Prg() = default;
Prg::Prg(Prg&&) noexcept = default;
Prg& Prg::operator=(Prg&&) noexcept = default;

template <class Lane>
void Prg::Expand(Stream stream, Ring ring, uint64_t begin, std::span<Lane> out) const {
  LUTRA_CHECK(sizeof(Lane) == ring.lane_bytes());
  if (out.empty()) return;
  constexpr size_t kLanes = kBlockBytes / sizeof(Lane);
  const uint64_t prefix = Prefix(stream);
  Cipher cipher = ciphers_->Take();
  uint64_t block = begin / kLanes;
  std::span<Lane> rest = out;

  // A block of which the range holds only a part.
  const auto partial = [&](size_t skip, size_t count) {
    std::array<Lane, kLanes> lanes;
    WriteBlocks(cipher, prefix, block++, reinterpret_cast<uint8_t*>(lanes.data()), 1);
    std::copy_n(lanes.begin() + static_cast<ptrdiff_t>(skip), count, rest.begin());
    Reduce(ring, rest.first(count));
    rest = rest.subspan(count);
  };

  if (const size_t skip = begin % kLanes; skip > 0) {
    partial(skip, std::min(kLanes - skip, rest.size()));
  }
  const bool is_run = rest.size() / kLanes >= kRun;
  if (is_run) StartRun(cipher, prefix, block);
  while (rest.size() >= kLanes) {
    const size_t blocks = std::min(rest.size() / kLanes, kBatch);
    auto* bytes = reinterpret_cast<uint8_t*>(rest.data());
    if (is_run) {
      ContinueRun(cipher, bytes, blocks);
    } else {
      WriteBlocks(cipher, prefix, block, bytes, blocks);
    }
    Reduce(ring, rest.first(blocks * kLanes));
    block += blocks;
    rest = rest.subspan(blocks * kLanes);
  }
  if (!rest.empty()) partial(0, rest.size());
  ciphers_->GiveBack(std::move(cipher));
}

template <class Lane>
void Prg::Gather(Stream stream, Ring ring, std::span<const uint64_t> elements,
                 std::span<Lane> out) const {
  LUTRA_CHECK(sizeof(Lane) == ring.lane_bytes() && elements.size() == out.size());
  if (out.empty()) return;
  constexpr size_t kLanes = kBlockBytes / sizeof(Lane);
  const uint64_t prefix = Prefix(stream);
  const Lane mask = static_cast<Lane>(ring.mask());
  Cipher cipher = ciphers_->Take();
  std::array<uint8_t, kBatch * kBlockBytes> scratch;
  for (size_t begin = 0; begin < out.size(); begin += kBatch) {
    const size_t count = std::min(kBatch, out.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      WriteCounter(prefix, elements[begin + i] / kLanes, scratch.data() + i * kBlockBytes);
    }
    Encrypt(cipher.blocks, scratch.data(), scratch.data(), count);
    for (size_t i = 0; i < count; ++i) {
      const size_t lane = elements[begin + i] % kLanes;
      Lane value;
      std::memcpy(&value, scratch.data() + i * kBlockBytes + lane * sizeof(Lane), sizeof(Lane));
      out[begin + i] = static_cast<Lane>(value & mask);
    }
  }
  ciphers_->GiveBack(std::move(cipher));
}

Tensor Prg::ExpandTensor(Stream stream, Ring ring, Shape shape, uint64_t begin) const {
  Tensor tensor(ring, std::move(shape));
  WithLane(ring, [&]<class Lane>(Lane) { Expand(stream, ring, begin, tensor.lanes<Lane>()); });
  return tensor;
}

#define LUTRA_INSTANTIATE(Lane)                                                   \
  template void Prg::Expand<Lane>(Stream, Ring, uint64_t, std::span<Lane>) const; \
  template void Prg::Gather<Lane>(Stream, Ring, std::span<const uint64_t>, std::span<Lane>) const;
LUTRA_INSTANTIATE(uint8_t)
LUTRA_INSTANTIATE(uint16_t)
LUTRA_INSTANTIATE(uint32_t)
LUTRA_INSTANTIATE(uint64_t)
#undef LUTRA_INSTANTIATE

}  // namespace lutra
