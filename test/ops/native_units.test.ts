import '../../src/index.js';
import { testExpectedUnits } from './expected_units.js';

testExpectedUnits('menet');
