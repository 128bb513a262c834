// The smallest model that programs are run with.
#ifndef LUTRA_TESTS_SUPPORT_TINY_MODEL_H_
#define LUTRA_TESTS_SUPPORT_TINY_MODEL_H_

namespace lutra {

inline constexpr const char* kTiny = "synthetic:hidden=16,layers=1,heads=2,sequence=4,vocabulary=9";

}  // namespace lutra

#endif  // LUTRA_TESTS_SUPPORT_TINY_MODEL_H_
