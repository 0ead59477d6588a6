// Functions of either float type, by one name in kernels.
#pragma once

#include <cuda_runtime.h>

#include <cmath>

namespace menet {

__device__ inline float exponential(float x) { return expf(x); }
__device__ inline double exponential(double x) { return exp(x); }
__device__ inline float exponential_less_one(float x) { return expm1f(x); }
__device__ inline double exponential_less_one(double x) { return expm1(x); }
__device__ inline float logarithm(float x) { return logf(x); }
__device__ inline double logarithm(double x) { return log(x); }
__device__ inline float root(float x) { return sqrtf(x); }
__device__ inline double root(double x) { return sqrt(x); }
__device__ inline float tangent(float x) { return tanhf(x); }
__device__ inline double tangent(double x) { return tanh(x); }
__device__ inline float round_down(float x) { return floorf(x); }
__device__ inline double round_down(double x) { return floor(x); }
__device__ inline float round_up(float x) { return ceilf(x); }
__device__ inline double round_up(double x) { return ceil(x); }

}  // namespace menet
