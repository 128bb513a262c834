// Fixed kernels on fixed inputs, for guard_test.py to count the instructions of. Prints for each,
// in order, its name and how many elements it worked on. Every kernel runs twice: the first run
// loads, resolves and allocates; the second goes through CountedRun, which the counter watches.
//
// With --build: the compiler, and on a second line what makes all counts others, if anything does.

#include <cstdio>
#include <cstring>
#include <functional>
#include <string_view>
#include <vector>

#include "core/matrix_product.h"
#include "core/packing.h"
#include "core/prg.h"
#include "core/thread_pool.h"
#include "experiments/micro/one_party.h"
#include "mpc/protocols/reshare.h"
#include "mpc/protocols/top_bits.h"
#include "tests/support/sanitized.h"

using Kernel = std::function<void()>;

// Known by its name to guard_test.py.
extern "C" [[gnu::noinline]] void CountedRun(const Kernel& kernel) {
  kernel();
  asm volatile("" ::: "memory");  // after the call, or it would be a jump out of here
}

namespace lutra {
namespace {

using micro::LookupParty;
using micro::OneParty;

constexpr int64_t kElements = 4096;

void Count(std::string_view name, int64_t elements, const Kernel& kernel) {
  kernel();
  CountedRun(kernel);
  std::printf("%.*s\t%lld\n", static_cast<int>(name.size()), name.data(),
              static_cast<long long>(elements));
}

Tensor Uniform(Ring ring, Shape shape, uint32_t node) {
  return Prg(KeyFromSeed(1)).ExpandTensor({node, 0}, ring, std::move(shape));
}

// Under AVX2: the best that valgrind knows.
void CountMatrices() {
  LUTRA_CHECK(UseSimdTarget("AVX2").ok());
  ThreadPool pool(1);
  const Ring ring(16);
  {
    const Tensor x = Uniform(ring, Shape{48, 256}, 1);
    const PackedMatrix y = PackedMatrix::Pack(Uniform(ring, Shape{256, 256}, 2));
    Tensor z(ring, Shape{48, 256});
    Count("matrix_product/Z_2^16", 48 * 256 * 256,
          [&] { MatrixProduct(x, y, z, /*accumulate=*/false, pool); });
  }
  {
    const Tensor x = Uniform(ring, Shape{2, 64, 64}, 1);
    const Tensor y = Uniform(ring, Shape{2, 64, 64}, 2);
    Tensor z(ring, Shape{2, 64, 64});
    Count("matrix_product/Z_2^16/batched", 2 * 64 * 64 * 64,
          [&] { MatrixProduct(x, y, z, /*accumulate=*/false, pool); });
  }
}

void CountPrg() {
  const Prg prg(KeyFromSeed(1));
  std::vector<uint16_t> out(kElements);
  Count("prg/expand/Z_2^12", kElements, [&] { prg.Expand<uint16_t>({1, 0}, Ring(12), 0, out); });
  std::vector<uint64_t> elements(out.size());
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = 16 * i + i % 16;
  Count("prg/gather/Z_2^16", kElements, [&] {
    prg.Gather<uint16_t>({1, 0}, Ring(16), elements, out);
  });
}

template <class Lane>
void CountPacking(int bits) {
  const Tensor tensor = Uniform(Ring(bits), Shape{kElements}, 1);
  std::vector<std::byte> bytes(static_cast<size_t>(BitsToBytes(bits * kElements)));
  Count(StrCat("packing/pack/", bits), kElements,
        [&] { Pack<Lane>(tensor.lanes<Lane>(), bits, bytes, 0); });
  std::vector<Lane> out(kElements);
  Count(StrCat("packing/unpack/", bits), kElements, [&] { Unpack<Lane>(bytes, 0, bits, out); });
}

void CountLookup(int index_bits) {
  OneParty party = LookupParty(index_bits, /*bits=*/16, Shape{kElements}, /*copies=*/1);
  Count(StrCat("lookup/deal/", index_bits, "_to_16"), kElements, [&] { party.Deal(); });
  Count(StrCat("lookup/online/", index_bits, "_to_16"), kElements, [&] { party.Online(0); });
}

void CountProtocols() {
  OneParty reshare(kReshare, Ring(16), Shape{kElements}, /*copies=*/1,
                   [](Builder& builder, Value input) { Reshare(builder, input); });
  Count("reshare/online", kElements, [&] { reshare.Online(0); });
  OneParty top_bits(kTopBits, Ring(16), Shape{kElements}, /*copies=*/1,
                    [](Builder& builder, Value input) { TopBitsUnbiased(builder, input, 5); });
  Count("top_bits/online", kElements, [&] { top_bits.Online(0); });
}

void CountAll() {
  CountMatrices();
  CountPrg();
  for (const int bits : {4, 5, 7}) CountPacking<uint8_t>(bits);
  CountPacking<uint16_t>(12);
  for (const int index_bits : {4, 8}) CountLookup(index_bits);
  CountProtocols();
}

// What makes all counts others, or nothing.
std::string_view Incomparable() {
#ifndef __OPTIMIZE__
  return "not optimized";
#endif
  if (kSanitized) return "built with a sanitizer";
  if (!UseSimdTarget("AVX2").ok()) return "on a processor without AVX2";
  return "";
}

}  // namespace
}  // namespace lutra

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--build") == 0) {
    std::printf("%s\n%s\n", __VERSION__, lutra::Incomparable().data());
  } else {
    lutra::CountAll();
  }
  return 0;
}
