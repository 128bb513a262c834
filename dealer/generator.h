// The dealer's walk over a program: every derived field of every node, shared and packed.
#ifndef LUTRA_DEALER_GENERATOR_H_
#define LUTRA_DEALER_GENERATOR_H_

#include "core/thread_pool.h"
#include "mpc/keys.h"
#include "mpc/listener.h"
#include "mpc/program.h"
#include "mpc/tape.h"

namespace lutra {

// Fills the tape of one execution, or the window of it that the layout is of. `tables` holds the
// contents of all tables of the program; `keys` are the dealer's for this tape. The same keys give
// the same tape to the byte, whatever the number of threads. The listener may be null.
void Deal(const Program& program, const TapeLayout& layout, const TableContents& tables,
          const KeyRing& keys, Tape& tape, ThreadPool& pool, Listener* listener);

}  // namespace lutra

#endif  // LUTRA_DEALER_GENERATOR_H_
