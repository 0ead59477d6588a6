import path from 'node:path';
import { writeFileAtomic } from '../checkpoints/atomic_file.js';
import { compareRuns } from '../report/comparison.js';
import { comparisonPage } from '../report/page/comparison_page.js';
import { runPage } from '../report/page/run_page.js';
import { readRun } from '../report/run.js';
import { fileNames } from '../report/run_files.js';
import { defineCommand } from './command.js';
import { printJson } from './output.js';

/** `menet report` */
export const report = defineCommand({
  usage: 'RUN... [--out FILE] [--json]',
  description:
    'Compares runs, given by their folders: curves, best and last figures, and the fields in which\n' +
    'their configurations differ. Of one run it writes the page that training wrote.',
  example: 'menet report runs/a runs/b --out comparison.html',
  positional: 'RUN...',
  flags: {
    out: {
      help: 'page to write (default: report.html of the run; comparison.html for several)',
      value: 'FILE',
    },
    json: { help: 'print the figures as one JSON document; a page only with --out' },
  },
  async run({ values, positionals }) {
    const runs = await Promise.all(positionals.map(readRun));
    if (values.json) printJson(compareRuns(runs));
    if (values.json && values.out === undefined) return 0;
    const [first, ...others] = runs;
    const single = first !== undefined && others.length === 0;
    const file =
      values.out ?? (single ? path.join(positionals[0]!, fileNames.page) : 'comparison.html');
    await writeFileAtomic(file, [Buffer.from(single ? runPage(first) : comparisonPage(runs))]);
    if (!values.json) console.log(file);
    return 0;
  },
});
