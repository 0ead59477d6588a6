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
