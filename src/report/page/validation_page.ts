import type { ValidationSnapshot } from '../validation_snapshot.js';
import { classSections } from './class_sections.js';
import { html } from './html.js';
import { page } from './page.js';

/** The page of one validation: `title`, a line about it, classes and worst mistakes. */
export function validationPage(
  title: string,
  summary: string,
  snapshot: Pick<ValidationSnapshot, 'classes' | 'confusion' | 'worst'>,
): string {
  return page(
    `${title} – menet`,
    html`<main>
      <section id="top"><h1>${title}</h1></section>
      ${classSections(snapshot, summary)}
    </main>`,
  );
}
