/**
 * Adds up the reports of vitest and of tfjs-core's specs, which one of its tests runs, and prints `N passed, N
 * failed` (and `, N skipped`). Exits with 1 if a test failed, a file did not load, or
 * there is no report of vitest's.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const build = path.resolve(import.meta.dirname, '../build');

function read(name) {
  const file = path.join(build, name);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** vitest's json reporter; a test file that could not be loaded holds no tests and counts as one failed. */
function countVitest(report) {
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((t) => t.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

const vitest = read('reports/vitest.json');
const specs = ['cpu', 'cuda_0'].map((device) => read(`tfjs_core_results_${device}.json`));
const parts = [vitest && countVitest(vitest), ...specs].filter(Boolean);
const sum = (key) => parts.reduce((total, part) => total + (part[key] ?? 0), 0);
const [passed, failed, skipped] = [sum('passed'), sum('failed'), sum('skipped')];

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = vitest && failed === 0 ? 0 : 1;
