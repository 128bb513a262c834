// What most files include of others' headers, parsed once where a build precompiles headers
// (`-Db_pch=true`: the sanitizer builds). No file includes it: each names what it uses, and the
// release build, which does without, finds what is missing.
#ifndef LUTRA_CORE_PRECOMPILED_H_
#define LUTRA_CORE_PRECOMPILED_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <cereal/cereal.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#endif  // LUTRA_CORE_PRECOMPILED_H_
