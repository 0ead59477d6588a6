// Uses the package as its users do: a fused operation's gradient, and a network.
const path = require('node:path');

/** Gradient of a fused operation in its input, on the current backend. */
async function gradient(tf, menet) {
  const channels = 8;
  const params = {
    compress: tf.randomUniform([1, 1, 4, channels], -1, 1, 'float32', 1),
    bnCompress: {
      scale: tf.ones([channels]),
      offset: tf.zeros([channels]),
      mean: tf.variable(tf.zeros([channels]), false),
      variance: tf.variable(tf.ones([channels]), false),
    },
    depthwise: tf.randomUniform([3, 3, channels, 1], -1, 1, 'float32', 2),
  };
  const options = { groups: 2, strides: 1, training: true };
  const loss = (x) => menet.groupConvShuffleDepthwise(x, params, options).square().sum();
  return tf
    .grad(loss)(tf.randomUniform([2, 5, 5, 8], -1, 1, 'float32', 3))
    .data();
}

/** How far the backend's gradient is from tfjs-backend-cpu's, and what a network gives. */
module.exports = async function use(tf, menet, backend) {
  await tf.setBackend('cpu');
  const expected = await gradient(tf, menet);
  await tf.setBackend(backend);
  const actual = await gradient(tf, menet);
  const difference = Math.max(...actual.map((value, i) => Math.abs(value - expected[i])));

  const config = path.join(
    path.dirname(require.resolve('menet/package.json')),
    'config/imagenet/model-config/menet/108-MENet-8x1-group-3.json',
  );
  const model = menet.createModel(menet.readModelConfig(config), { seed: 1 });
  const logits = model.apply(tf.zeros([1, 32, 32, 3]));
  const finite = (await logits.data()).every(Number.isFinite);
  return { backend: tf.getBackend(), difference, shape: logits.shape, finite };
};
