// Forms: from a HAL-FORMS template where the server gives one, else a JSON editor.

import { button, element, newId } from './element.js';
import { buildField, parseOrExplain } from './fields.js';
import * as json from './json.js';

const JSON_TYPE = /^application\/(.*\+)?json$/;

/** The templates of a resource: `{ key, title, method, url, contentType, properties }`. */
export function templatesOf(resource, base) {
  const self = resource?._links?.self?.href;
  return Object.entries(resource?._templates ?? {}).map(([key, template]) => ({
    key,
    title: template.title ?? (key === 'default' ? undefined : key),
    method: (template.method ?? 'GET').toUpperCase(),
    url: new URL([template.target, self].find((address) => address && URL.canParse(address, base)) ?? base, base).href,
    contentType: template.contentType ?? 'application/json',
    properties: template.properties ?? [],
  }));
}

/** A template for a request that none is known for: no properties, so its form is the editor alone. */
export const plainTemplate = (method, url, start = '{}') => ({
  method,
  url,
  contentType: 'application/json',
  properties: [],
  start,
});

/**
 * The form of a template. `send({ method, url, contentType, body })` resolves to nothing, or to a problem as
 * `explain` gives it, which is then shown at the fields it is about; `signIn` resolves to whether the reader did.
 */
export function buildForm(template, { send, signIn }) {
  const fields = template.properties.map(buildField);
  const editor = buildEditor(template);
  const problem = element('div', { class: 'error', role: 'alert' });
  const inFields = element(
    'div',
    {},
    fields.map(({ node }) => node),
  );
  let usesEditor = fields.length === 0 && template.method !== 'GET' && template.method !== 'DELETE';
  const place = element('div', {}, usesEditor ? editor.node : inFields);

  const toggle = button('Write JSON instead', () => {
    if (!usesEditor) editor.setText(json.print(Object.fromEntries(draft(fields))));
    usesEditor = !usesEditor;
    place.replaceChildren(usesEditor ? editor.node : inFields);
    toggle.textContent = usesEditor ? 'Use the fields instead' : 'Write JSON instead';
    problem.replaceChildren();
  });
  const canToggle = fields.length > 0 && template.method !== 'GET' && JSON_TYPE.test(template.contentType);

  const complain = (sentence, offer) =>
    problem.replaceChildren(
      element('p', {}, sentence),
      ...(offer === 'sign in'
        ? [
            button('Sign in and send again', async () => {
              if (await signIn()) form.requestSubmit();
            }),
          ]
        : []),
    );

  let isBusy = false;
  const submit = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    problem.replaceChildren();
    const shown = usesEditor ? [editor] : fields;
    let pieces;
    try {
      pieces = usesEditor ? editor.pieces() : piecesOf(template, readAll(fields));
    } catch (error) {
      complain(error.message);
      return;
    }
    isBusy = true;
    const found = await send({ method: template.method, ...pieces });
    isBusy = false;
    if (!found) return;
    const rest = showAtFields(shown, found.fields);
    complain([found.sentence, ...rest].join(' '), found.offer);
  };

  // The browser's own bubbles name one mistake at a time and vanish; ours stay at the fields.
  const form = element(
    'form',
    { novalidate: true, onsubmit: submit },
    place,
    problem,
    element(
      'div',
      { class: 'buttons' },
      canToggle && toggle,
      element(
        'button',
        { class: template.method === 'DELETE' ? 'danger' : 'strong' },
        template.title ?? `Send ${template.method}`,
      ),
    ),
  );
  return form;
}

/** All values, or an Error after every mistake is shown at its field and the first has the focus. */
function readAll(fields) {
  const wrong = [];
  const values = fields.flatMap((field) => {
    try {
      field.showError('');
      const value = field.read();
      return value === undefined ? [] : [[field.name, value]];
    } catch (error) {
      field.showError(error.message);
      wrong.push(field);
      return [];
    }
  });
  wrong[0]?.focus();
  if (wrong.length)
    throw new Error(
      wrong.length === 1 ? 'One field needs your attention.' : `${wrong.length} fields need your attention.`,
    );
  return values;
}

/** What can be read so far, for the change to the editor. */
const draft = (fields) =>
  fields.flatMap((field) => {
    try {
      const value = field.read();
      return value === undefined ? [] : [[field.name, value]];
    } catch {
      return [];
    }
  });

/** Where and in what form the values travel, by the template's method and content type. */
function piecesOf({ method, url, contentType }, values) {
  if (method === 'GET' || method === 'HEAD') {
    const target = new URL(url);
    for (const [name, value] of flat(values)) target.searchParams.set(name, value);
    return { url: target.href };
  }
  if (contentType === 'multipart/form-data') {
    const body = new FormData();
    for (const [name, value] of flat(values)) body.append(name, value);
    return { url, body };
  }
  if (contentType === 'application/x-www-form-urlencoded')
    return { url, contentType, body: new URLSearchParams(flat(values)) };
  if (method === 'DELETE' && values.length === 0) return { url };
  return { url, contentType, body: json.print(Object.fromEntries(values)) };
}

/** One pair for each item; what is neither text nor file becomes JSON text. */
const flat = (values) =>
  values.flatMap(([name, value]) =>
    [value].flat().map((item) => [name, typeof item === 'string' || item instanceof File ? item : json.print(item)]),
  );

/** Shows each error at the field it names, or whose inside it names; returns the sentences that found no field. */
function showAtFields(shown, errors) {
  const rest = [];
  let first;
  for (const { field: path, message } of errors) {
    const field = shown.find(({ name }) => path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`));
    if (!field) {
      rest.push(`${path}: ${message}`);
      continue;
    }
    field.showError(message);
    first ??= field;
  }
  first?.focus();
  return rest;
}

function buildEditor({ url, contentType, start = '{}' }) {
  const type = element('input', { id: newId('type'), value: contentType, autocomplete: 'off', spellcheck: 'false' });
  const text = element('textarea', { id: newId('body'), class: 'code', rows: 10, spellcheck: 'false' });
  text.value = start;
  return {
    node: element(
      'div',
      {},
      element('label', { for: type.id }, 'Content-Type'),
      type,
      element('label', { for: text.id }, 'Body'),
      text,
    ),
    setText: (value) => {
      text.value = value;
    },
    pieces() {
      if (JSON_TYPE.test(type.value) && text.value.trim()) {
        try {
          parseOrExplain(text.value);
        } catch (error) {
          text.focus();
          throw error;
        }
      }
      return text.value.trim() ? { url, contentType: type.value, body: text.value } : { url };
    },
  };
}
