// Tries to take the lock of a run folder, says how that went, and keeps it until its input ends.
import { RunLock } from '../../dist/train/run_lock.js';

try {
  new RunLock(process.argv[2]);
  console.log('taken');
} catch (error) {
  console.log(error.name === 'InputError' ? 'refused' : String(error));
}
process.stdin.resume();
