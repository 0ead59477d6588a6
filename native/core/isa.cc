#include "core/isa.h"

#include <cstdlib>
#include <string>

#include "core/error.h"
#ifdef MENET_X86
#include <cpuid.h>
#endif

namespace menet {

namespace {

#ifdef MENET_X86
// Not every compiler's __builtin_cpu_supports knows the name.
bool supports_f16c() {
  unsigned int a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

Isa best_isa() {
#ifdef MENET_X86
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return Isa::kAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && supports_f16c()) {
    return Isa::kAvx2;
  }
#endif
  return Isa::kGeneric;
}

Isa choose_isa() {
  const Isa best = best_isa();
  const char* wanted = std::getenv("MENET_ISA");
  if (wanted == nullptr || *wanted == '\0') return best;
  for (Isa isa : {Isa::kGeneric, Isa::kAvx2, Isa::kAvx512}) {
    if (isa <= best && wanted == std::string(name_of(isa))) return isa;
  }
  throw_error("MENET_ISA: expected generic, avx2 or avx512, at most ", name_of(best),
              " on this processor, got ", wanted);
}

}  // namespace

Isa isa() {
  static const Isa chosen = choose_isa();
  return chosen;
}

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx2:
      return "avx2";
    default:
      return "generic";
  }
}

}  // namespace menet
