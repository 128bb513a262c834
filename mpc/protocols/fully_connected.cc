#include "mpc/protocols/fully_connected.h"

#include "mpc/protocols/local.h"

namespace lutra {

Value FullyConnected(Builder& builder, Value x, Value weight, Value bias, LinearForm form) {
  return Add(builder, MatrixProduct(builder, x, weight, form), bias);
}

}  // namespace lutra
