import * as tf from '@tensorflow/tfjs';
import * as menet from 'menet';
import use from './use.cjs';

console.log(JSON.stringify(await use(tf, menet, process.argv[2])));
