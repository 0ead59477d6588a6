// Functions that are compiled once per instruction set (*.simd.cc, see CMakeLists.txt).
//
// A *.simd.cc file may include nothing but <cstdint>, <cmath> style headers, plain
// structs and simd/vector.h, and defines its functions in namespace menet::MENET_ISA:
// an inline function or template of any other namespace would be compiled with these
// instructions too, and the linker could choose that copy for machines without them
// (test/native/isa.test.ts looks for such symbols).
#pragma once

#include "core/isa.h"

#ifdef MENET_X86
#define MENET_SIMD_DECLARE(...) \
  namespace generic {           \
  __VA_ARGS__                   \
  }                             \
  namespace avx2 {              \
  __VA_ARGS__                   \
  }                             \
  namespace avx512 {            \
  __VA_ARGS__                   \
  }
// MENET_SIMD(relu<float>)(x, y, n) calls the variant for this processor.
#define MENET_SIMD(...)                                                    \
  (::menet::isa() == ::menet::Isa::kAvx512 ? &::menet::avx512::__VA_ARGS__ \
   : ::menet::isa() == ::menet::Isa::kAvx2 ? &::menet::avx2::__VA_ARGS__   \
                                           : &::menet::generic::__VA_ARGS__)
#else
#define MENET_SIMD_DECLARE(...) \
  namespace generic {           \
  __VA_ARGS__                   \
  }
#define MENET_SIMD(...) (&::menet::generic::__VA_ARGS__)
#endif

// Explicit instantiation of a template of a *.simd.cc file for the float types of the build.
#ifdef MENET_FLOAT64
#define MENET_FOR_FLOATS(INSTANTIATE) INSTANTIATE(float) INSTANTIATE(double)
#else
#define MENET_FOR_FLOATS(INSTANTIATE) INSTANTIATE(float)
#endif

// The same for what activations are stored as.
#define MENET_FOR_STORAGE(INSTANTIATE) \
  MENET_FOR_FLOATS(INSTANTIATE) INSTANTIATE(BFloat16) INSTANTIATE(Float16)
