import './backend/register.js';

export { currentMenetBackend, type MenetBackend } from './backend/menet_backend.js';
export { type DeviceInfo, type Devices, devices } from './devices.js';
export { InputError } from './errors.js';
export { type Precision } from './precision.js';
export { compile, type CompileOptions, type Plan, type PlanMemory } from './plans/plan.js';
export { type BatchNormParams } from './ops/batch_norm.js';
export { depthwiseSeparable, type DepthwiseSeparableParams } from './ops/depthwise_separable.js';
export {
  groupConvShuffleDepthwise,
  type GroupConvShuffleDepthwiseParams,
  type UnitOptions,
} from './ops/group_conv_shuffle_depthwise.js';
export {
  mergeEvolve,
  type MergeEvolveOptions,
  type MergeEvolveParams,
} from './ops/merge_evolve.js';
export { meUnit, type MeUnitParams } from './ops/me_unit.js';
export { shuffleUnit, type ShuffleUnitParams } from './ops/shuffle_unit.js';
export { blendUpdate, type BlendOptions } from './ops/blend_update.js';
export {
  type MixedLabels,
  softmaxCrossEntropy,
  type SoftmaxCrossEntropyOptions,
} from './ops/softmax_cross_entropy.js';
export { stem, type StemOptions, type StemParams } from './ops/stem.js';
export type { Checkpoint, HostArray, HostTensor } from './checkpoints/checkpoint.js';
export { readCheckpoint, writePth, writeSafetensors } from './checkpoints/checkpoint.js';
export { type Layer, type LayerInfo, type StateEntry } from './models/block.js';
export { createModel, type Model, type ModelConfig, readModelConfig } from './models/model.js';
export { getState, loadState } from './models/state.js';
export { type DataConfig, readDataConfig } from './train/data_config.js';
export { CheckpointStore, type StoreOptions } from './train/checkpoint_store.js';
export { type Conversion, convertCheckpoint, type ConvertOptions } from './train/convert.js';
export { DivergedError } from './train/diverged_error.js';
export { evaluateModel, type Evaluation } from './train/evaluate.js';
export type { Mistake, ValidationDetails } from './train/validation_details.js';
export type {
  EpochEvent,
  Outcome,
  Position,
  RunStart,
  StepEvent,
  TrainingObserver,
} from './train/observer.js';
export { createOptimizer, type Optimizer, type ParameterGroup } from './train/optimizer.js';
export { type OptimizerConfig, readOptimizerConfig } from './train/optimizer_config.js';
export { parameterGroups } from './train/parameter_groups.js';
export { predictImage, type Prediction } from './train/predict.js';
export { createProgress, type Progress, silentProgress } from './train/progress.js';
export { type RunConfiguration } from './train/run_configuration.js';
export { learningRate } from './train/schedule.js';
export { readScheduleConfig, type ScheduleConfig } from './train/schedule_config.js';
export { type SessionOptions, trainNetwork } from './train/session.js';
export { loadPretrained } from './train/pretrained.js';
export { trainingStep } from './train/step.js';
export { Trainer, type TrainerOptions, type TrainingSummary } from './train/trainer.js';
export { type EpochRecord } from './train/training_state.js';
export {
  type ImagesShape,
  type Mix,
  normalizeImages,
  uploadImages,
} from './ops/normalize_images.js';
export { adadeltaUpdate, type AdadeltaOptions, type AdadeltaSlots } from './ops/adadelta_update.js';
export { adamUpdate, type AdamOptions, type AdamSlots } from './ops/adam_update.js';
export { clippingScale, gradientNorm } from './ops/gradient_norm.js';
export { type UpdateOptions } from './ops/multi_tensor.js';
export { rmspropUpdate, type RmspropOptions, type RmspropSlots } from './ops/rmsprop_update.js';
export { sgdUpdate, type SgdOptions } from './ops/sgd_update.js';
export { RunRecorder, type RecorderOptions } from './report/recorder.js';
export { drawModel } from './inspect/graph.js';
export { formatInspection, type Inspection, inspectModel } from './inspect/inspect.js';
export { decodeImage } from './data/decode.js';
export { type DemoImageOptions, makeDemoImages } from './data/demo_images.js';
export { type ImageFolder, matchClasses, scanImageFolder } from './data/image_folder.js';
export { closeRawCache, type CacheOptions, openRawCache, type RawCache } from './data/raw_cache.js';
export { type Batch, ImageLoader, type LoaderOptions } from './data/loader.js';
export { type FusedLayerArgs } from './layers/fused_layer.js';
export {
  DepthwiseSeparableLayer,
  type DepthwiseSeparableLayerArgs,
} from './layers/depthwise_separable_layer.js';
export {
  GroupConvShuffleDepthwiseLayer,
  type GroupConvShuffleDepthwiseLayerArgs,
} from './layers/group_conv_shuffle_depthwise_layer.js';
export { MergeEvolveLayer, type MergeEvolveLayerArgs } from './layers/merge_evolve_layer.js';
export { MeUnitLayer, type MeUnitLayerArgs } from './layers/me_unit_layer.js';
export { modelFolder } from './layers/model_folder.js';
export { type ResidualLayerArgs } from './layers/residual_layer.js';
export { ShuffleUnitLayer } from './layers/shuffle_unit_layer.js';
export { StemLayer, type StemLayerArgs } from './layers/stem_layer.js';
