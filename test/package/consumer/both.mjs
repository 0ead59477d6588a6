// One process may meet the package as ES module and as CommonJS.
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';
import * as modules from 'menet';
import use from './use.cjs';

const commonJs = createRequire(import.meta.url)('menet');
const results = [await use(tf, modules, 'menet'), await use(tf, commonJs, 'menet')];
console.log(JSON.stringify(results));
