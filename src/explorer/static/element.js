// Builds the page's elements. Text only ever becomes text: the server's content security policy forbids markup from
// strings, and nothing here needs it.

/**
 * An element. Properties named `on…` are event listeners; `true` sets a bare attribute, `false` and missing ones set
 * none.
 */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat(2).filter((child) => child !== undefined && child !== null && child !== false));
  return node;
}

export const button = (label, onclick, properties = {}) =>
  element('button', { type: 'button', onclick, ...properties }, label);

let lastId = 0;
/** An id that no other element of the page has. */
export const newId = (prefix) => `${prefix}-${++lastId}`;
