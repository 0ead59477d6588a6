const tf = require('@tensorflow/tfjs');
const menet = require('menet');
const use = require('./use.cjs');

use(tf, menet, process.argv[2]).then((result) => console.log(JSON.stringify(result)));
