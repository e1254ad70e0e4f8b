// JSON as values, as text and on the page. Identifiers are 64-bit integers, more than a JavaScript number holds, so
// large ones keep their digits where the browser can.

import { element } from './element.js';

/** The value of a JSON text, or undefined if it is none. */
export function parse(text) {
  try {
    return JSON.parse(text, (_, value, context) => {
      const isLost = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
      return isLost && JSON.rawJSON ? JSON.rawJSON(context.source) : value;
    });
  } catch {
    return undefined;
  }
}

/** What a number field holds, with all its digits. */
export const number = (text) =>
  JSON.rawJSON && /^-?\d+$/.test(text) && !Number.isSafeInteger(Number(text)) ? JSON.rawJSON(text) : Number(text);

/** A single value in a reader's words: text without its quotes. */
export const word = (value) => (typeof value === 'string' ? value : JSON.stringify(value));

export const print = (value) => JSON.stringify(value, null, 2);

/** A readable `<pre>` of a value; `anchor(address)` makes the element for a text that is an address. */
export function pretty(value, anchor) {
  const text = print(value) ?? '';
  const block = element('pre', { class: 'json' });
  let end = 0;
  // In JSON text quotes stand around strings only, and a colon behind one makes it a name.
  for (const found of text.matchAll(/"(?:[^"\\]|\\.)*"(:?)/g)) {
    block.append(text.slice(end, found.index));
    end = found.index + found[0].length;
    if (found[1]) {
      block.append(element('span', { class: 'name' }, found[0].slice(0, -1)), ':');
      continue;
    }
    const content = JSON.parse(found[0]);
    if (/^https?:\/\/\S+$/.test(content)) block.append('"', anchor(content, found[0].slice(1, -1)), '"');
    else block.append(element('span', { class: 'text' }, found[0]));
  }
  block.append(text.slice(end));
  return block;
}
