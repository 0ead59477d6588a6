// The instruction set whose kernels run: the best that this processor has, or the
// one that MENET_ISA names (generic, avx2, avx512), for tests and comparisons.
#pragma once

namespace menet {

enum class Isa { kGeneric, kAvx2, kAvx512 };

Isa isa();  // throws when MENET_ISA names one that is not to be had
const char* name_of(Isa isa);

}  // namespace menet
