/** A MENet of six units and ten classes. */
export const tinyConfig = {
  name: 'menet',
  block_channels: [24, 48, 96],
  block_layers: [1, 1, 1],
  init_c: 12,
  side_channels: [4, 4, 4],
  groups: 3,
  init_mode: 'fan_out',
  num_classes: 10,
};

/** A small network of each other family, ten classes. */
export const tinyRelatives = [
  {
    name: 'shufflenet_group_3',
    init_mul: 0.5,
    width_mul: 0.25,
    init_mode: 'fan_out',
    num_classes: 10,
  },
  { name: 'mobilenet', width_mul: 0.125, init_mode: 'fan_in', num_classes: 10 },
];
