import '@tensorflow/tfjs';
import { testExpectedUnits } from './expected_units.js';

testExpectedUnits('cpu');
