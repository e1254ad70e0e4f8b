// One field of a form for one property of a HAL-FORMS template.

import { element, newId } from './element.js';
import * as json from './json.js';

const INPUT_TYPES = [
  'color',
  'date',
  'datetime-local',
  'email',
  'file',
  'hidden',
  'month',
  'number',
  'password',
  'range',
  'search',
  'tel',
  'text',
  'time',
  'url',
  'week',
];
const CONSTRAINTS = ['min', 'max', 'minLength', 'maxLength', 'step', 'placeholder', 'cols', 'rows'];

/**
 * `{ name, node, focus, read, showError }`. `read` gives the value to send, undefined for one to leave out, and throws
 * an Error with a sentence for one that is wrong.
 */
export function buildField(property) {
  const inner = property.options?.inline ? choice(property) : entry(property);
  if (property.type === 'hidden') return { name: property.name, ...inner, node: inner.node, showError() {} };
  const error = element('p', { class: 'error', id: newId('error') });
  const { prompt, name, required, type } = property;
  // A whole sentence is an explanation; a caption is a few words.
  const explains = /[.!?]\s*$/.test(prompt ?? '');
  const hint = explains && element('p', { class: 'hint', id: newId('hint') }, withCode(prompt));
  const caption = [
    explains ? name : (prompt ?? name),
    required ? ' (required)' : '',
    type === 'json' ? ' as JSON' : '',
    !explains && prompt && prompt !== name && element('code', {}, name),
  ];
  const node = inner.isGroup
    ? element('fieldset', { class: 'field' }, element('legend', {}, caption), hint, inner.node, error)
    : element('div', { class: 'field' }, element('label', { for: inner.node.id }, caption), hint, inner.node, error);
  const marked = inner.isGroup ? node : inner.node;
  marked.setAttribute('aria-describedby', hint ? `${hint.id} ${error.id}` : error.id);
  return {
    name: property.name,
    node,
    focus: inner.focus,
    read: inner.read,
    showError(sentence) {
      error.textContent = sentence;
      if (!inner.isGroup) inner.node.setAttribute('aria-invalid', Boolean(sentence));
    },
  };
}

/** A sentence whose names stand in backticks, as descriptions in Markdown have them. */
const withCode = (text) =>
  text.split(/`([^`]+)`/).map((part, index) => (index % 2 ? element('code', {}, part) : part));

/** What is typed. `json` is our own type, for objects and lists; explorers that do not know it show a text field. */
function entry({ name, type = 'text', value, required, readOnly, regex, multi, ...rest }) {
  const isJson = type === 'json' || (typeof value === 'object' && value !== null);
  const tag = isJson || type === 'textarea' ? 'textarea' : 'input';
  const node = element(tag, {
    id: newId('field'),
    name,
    required: required && type !== 'hidden',
    readonly: readOnly,
    autocomplete: 'off',
    type: tag === 'input' && (INPUT_TYPES.includes(type) ? type : 'text'),
    class: isJson && 'code',
    spellcheck: isJson && 'false',
    pattern: tag === 'input' && isPattern(regex) && regex,
    multiple: type === 'file' && multi,
  });
  for (const constraint of CONSTRAINTS)
    if (rest[constraint] !== undefined) node.setAttribute(constraint, json.word(rest[constraint]));
  if (type === 'number' && rest.step === undefined) node.setAttribute('step', 'any');
  if (value !== undefined && type !== 'file') node.value = isJson ? json.print(value) : value;
  const read = () => {
    if (!node.validity.valid) throw new Error(complaint(node, regex));
    if (type === 'file') return node.files.length ? [...node.files] : undefined;
    if (node.value === '') return undefined;
    if (type === 'number' || type === 'range') return json.number(node.value);
    // The field means the reader's own time zone, and the API a moment.
    if (type === 'datetime-local') return new Date(node.value).toISOString();
    if (!isJson) return node.value;
    return json.parse(node.value) ?? parseOrExplain(node.value);
  };
  return { node, read, focus: () => node.focus() };
}

/** What is chosen: a list for at most one, boxes for more. The values keep their JSON type. */
function choice({ name, options, required, readOnly, value }) {
  const valueField = options.valueField ?? 'value';
  const promptField = options.promptField ?? 'prompt';
  const items = options.inline.map((item) =>
    typeof item === 'object' && item !== null
      ? { value: item[valueField], prompt: item[promptField] ?? item[valueField] }
      : { value: item, prompt: item },
  );
  const selected = options.selectedValues ?? [value].flat().filter((item) => item !== undefined);
  const isSelected = (item) => selected.some((one) => json.word(one) === json.word(item.value));
  // A disabled choice is still sent, as the value of a read-only property should be.
  if (options.maxItems === 1) {
    const node = element(
      'select',
      { id: newId('field'), name, required, disabled: readOnly },
      element('option', { value: '' }, required ? 'Choose one' : 'Leave out'),
      items.map((item, index) =>
        element('option', { value: index, selected: isSelected(item) }, json.word(item.prompt)),
      ),
    );
    const read = () => {
      if (required && node.value === '') throw new Error('Choose one.');
      return items[node.value]?.value;
    };
    return { node, read, focus: () => node.focus() };
  }
  const boxes = items.map((item) =>
    element('input', { type: 'checkbox', name, checked: isSelected(item), disabled: readOnly }),
  );
  const read = () => {
    const chosen = items.filter((_, index) => boxes[index].checked).map((item) => item.value);
    const least = options.minItems ?? (required ? 1 : 0);
    if (chosen.length < least) throw new Error(`Choose at least ${least}.`);
    if (chosen.length > (options.maxItems ?? Infinity)) throw new Error(`Choose at most ${options.maxItems}.`);
    return chosen.length ? chosen : undefined;
  };
  const node = element(
    'div',
    {},
    items.map((item, index) => element('label', { class: 'box' }, boxes[index], ' ', json.word(item.prompt))),
  );
  return { node, read, focus: () => boxes[0]?.focus(), isGroup: true };
}

/** Browsers compile `pattern` with the `v` flag; one that does not compile would only be a complaint in the console. */
function isPattern(regex) {
  try {
    return Boolean(regex && new RegExp(regex, 'v'));
  } catch {
    return false;
  }
}

/** The browser's own sentence, in the reader's language, except that it does not say what a pattern is. */
const complaint = (node, regex) =>
  node.validity.patternMismatch ? `This must match ${regex}` : node.validationMessage;

/** The value of a JSON text; throws an Error that says where it is wrong. */
export function parseOrExplain(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${error.message}.`);
  }
}
