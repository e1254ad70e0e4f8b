// What was asked in this tab, newest first. The browser's own back and forward work too: every GET has its fragment.

import { element } from './element.js';
import { shorten } from './links.js';

const MOST = 30;

/** Adds an answer to the list; `href` leads to a GET of the same address. */
export function record(list, { request: { method, url }, status }, href) {
  list.prepend(element('li', {}, method, ' ', element('a', { href }, shorten(url)), ` ${status}`));
  while (list.children.length > MOST) list.lastChild.remove();
}
