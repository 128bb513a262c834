#include <utility>

#include "mpc/protocol.h"
#include "mpc/protocols/input.h"
#include "mpc/protocols/local.h"
#include "mpc/protocols/lookup.h"
#include "mpc/protocols/product.h"
#include "mpc/protocols/reshare.h"
#include "mpc/protocols/reveal.h"
#include "mpc/protocols/top_bits.h"

namespace lutra {

Registry Registry::WithBuiltins() {
  std::vector<std::unique_ptr<Protocol>> protocols = MakeLocals();
  for (std::unique_ptr<Protocol>& product : MakeProducts()) protocols.push_back(std::move(product));
  protocols.push_back(MakeInput());
  protocols.push_back(MakeReveal());
  protocols.push_back(MakeReshare());
  protocols.push_back(MakeTopBits());
  protocols.push_back(MakeLookup());
  Registry registry;
  for (std::unique_ptr<Protocol>& protocol : protocols) {
    LUTRA_CHECK(registry.Register(std::move(protocol)).ok());
  }
  return registry;
}

}  // namespace lutra
