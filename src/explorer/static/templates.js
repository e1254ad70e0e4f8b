// URI templates as RFC 6570 has them, all four levels.

// For each operator: what opens the expansion, what separates values, whether values are named, what follows the name
// of an empty value, and whether reserved characters stay as they are.
const OPERATORS = {
  '': ['', ',', false, '', false],
  '+': ['', ',', false, '', true],
  '#': ['#', ',', false, '', true],
  '.': ['.', '.', false, '', false],
  '/': ['/', '/', false, '', false],
  ';': [';', ';', true, '', false],
  '?': ['?', '&', true, '=', false],
  '&': ['&', '&', true, '=', false],
};
const EXPRESSION = /\{([+#./;?&]?)([^{}]+)\}/g;

/** Whether a text has an expression to fill in. JSON in a query, such as `{"a":1}`, is none. */
export const isTemplate = (text) => /\{[+#./;?&]?[A-Za-z_][\w.]*(?::\d+|\*)?(?:,[\w.]+(?::\d+|\*)?)*\}/.test(text);

/**
 * The variables in their order: `{ name, required, list }`. A path without its segment names something else, so those
 * are required.
 */
export function variables(template) {
  const found = new Map();
  for (const [, operator, body] of template.matchAll(EXPRESSION)) {
    for (const { name, explode } of specifiers(body)) {
      if (!found.has(name)) found.set(name, { name, required: operator === '' || operator === '/', list: explode });
    }
  }
  return [...found.values()];
}

/** The address for these values: text, a list of texts, or an object of texts by name. Missing ones leave no trace. */
export function expand(template, values) {
  return template.replace(EXPRESSION, (_, operator, body) => {
    const [opening, separator, named, ifEmpty, reserved] = OPERATORS[operator];
    const encode = reserved ? encodeReserved : encodeStrict;
    const withName = (name, text) => (named ? `${name}${text === '' ? ifEmpty : `=${text}`}` : text);
    const parts = [];
    for (const { name, explode, length } of specifiers(body)) {
      const value = values[name];
      if (value === undefined || value === null) continue;
      if (typeof value !== 'object') {
        parts.push(withName(name, encode([...String(value)].slice(0, length).join(''))));
      } else if (Array.isArray(value)) {
        const items = value.map((item) => encode(String(item)));
        if (items.length === 0) continue;
        if (explode) parts.push(...items.map((item) => withName(name, item)));
        else parts.push(withName(name, items.join(',')));
      } else {
        const pairs = Object.entries(value).map(([key, item]) => [encode(key), encode(String(item))]);
        if (pairs.length === 0) continue;
        if (explode) parts.push(...pairs.map(([key, item]) => (named ? withName(key, item) : `${key}=${item}`)));
        else parts.push(withName(name, pairs.flat().join(',')));
      }
    }
    return parts.length ? opening + parts.join(separator) : '';
  });
}

const specifiers = (body) =>
  body.split(',').map((text) => {
    const [, name, length, star] = /^(.*?)(?::(\d+))?(\*)?$/.exec(text.trim());
    return { name, explode: star === '*', length: length && Number(length) };
  });

const percent = (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
const encodeStrict = (text) => encodeURIComponent(text).replace(/[!'()*]/g, percent);
/** `encodeURI` leaves reserved characters, but not brackets and not what is percent-encoded already. */
const encodeReserved = (text) =>
  encodeURI(text)
    .replace(/%5B/g, '[')
    .replace(/%5D/g, ']')
    .replace(/%25([0-9A-Fa-f]{2})/g, '%$1');
