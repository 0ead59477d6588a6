import { expect, it } from 'vitest';
import { readableClasses } from '../src/class_labels.js';

it('reads ImageNet’s identifiers, and nothing else', () => {
  const identifiers = Array.from(
    { length: 1000 },
    (_, i) => `n${String(1440764 + i).padStart(8, '0')}`,
  );
  expect(readableClasses(identifiers)[1]).toBe('goldfish, Carassius auratus');
  const own = identifiers.with(7, 'tench');
  expect(readableClasses(own)).toBe(own);
  expect(readableClasses(['n01440764'])).toEqual(['n01440764']);
});
