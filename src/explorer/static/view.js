// An answer on the page.

import { curl } from './curl.js';
import { button, element } from './element.js';
import { buildForm, templatesOf } from './forms.js';
import * as json from './json.js';
import { anchor, linksTable, methodButtons, otherHome, shorten } from './links.js';
import { explain } from './problems.js';

/** Everything about an answer. `actions` is what the reader can do, see `main.js`. */
export function answerView(answer, actions) {
  const { request, status, statusText, milliseconds, bytes, type, value } = answer;
  const outcome = status < 300 ? 'good' : 'bad';
  const size = bytes < 10_000 ? `${bytes} bytes` : `${Math.round(bytes / 1000)} kB`;
  return [
    element(
      'h2',
      { tabindex: '-1', id: 'outcome' },
      element('span', { class: `status ${outcome}` }, `${status} ${statusText}`.trim()),
      ' ',
      element('span', { class: 'request' }, `${request.method} ${shorten(answer.url)}`),
    ),
    element('p', { class: 'facts' }, [`${milliseconds} ms`, size, type].filter(Boolean).join(' · ')),
    status === 404 || element('p', {}, methodButtons(answer.url, 'this address', actions)),
    notice(explain(answer), request, actions),
    elsewhere(otherHome(value, answer.url)),
    resourceView(value, answer.url, actions),
    section('Body', bodyView(answer, actions)),
    element(
      'details',
      {},
      element('summary', {}, 'Response headers'),
      element(
        'dl',
        { class: 'headers' },
        [...answer.headers].map(([name, content]) => [element('dt', {}, name), element('dd', {}, content)]).flat(),
      ),
    ),
    element('details', {}, element('summary', {}, 'The same request as curl'), curlView(answer)),
  ]
    .flat()
    .filter((node) => node instanceof Node);
}

/** A problem, and the way out of it. */
export function notice(problem, request, actions) {
  if (!problem) return undefined;
  return element(
    'div',
    { class: 'notice' },
    problem.title && element('h3', {}, problem.title),
    element('p', {}, problem.sentence),
    (problem.fields ?? []).length > 0 &&
      element(
        'ul',
        {},
        problem.fields.map(({ field, message }) =>
          element('li', {}, field && [element('code', {}, field), ': '], message),
        ),
      ),
    problem.offer === 'sign in' &&
      button('Sign in and repeat', () => actions.signInAndRepeat(request), { class: 'strong' }),
    problem.offer === 'retry' && button('Try again', () => actions.repeat(request), { class: 'strong' }),
  );
}

/** Links, forms and what is embedded: of the answer itself, or of one embedded resource. */
function resourceView(resource, base, actions) {
  const embedded = Object.entries(resource?._embedded ?? {});
  return [
    section('Links', linksTable(resource, base, 'Links', actions)),
    section(
      'Forms',
      templatesOf(resource, base).map((template) =>
        lazyDetails(
          [
            'summary',
            template.title ?? `${template.method} ${shorten(template.url)}`,
            element('span', { class: 'hint' }, template.method),
          ],
          () => [buildForm(template, { send: actions.submit, signIn: actions.signIn })],
        ),
      ),
    ),
    section(
      'Embedded',
      embedded.map(([relation, found]) => {
        const items = [found].flat();
        return element(
          'details',
          { open: true },
          element('summary', {}, relation, element('span', { class: 'hint' }, items.length)),
          items.map((item, index) =>
            lazyDetails(['item', nameOf(item, index)], () => embeddedView(item, base, actions)),
          ),
        );
      }),
    ),
  ];
}

function embeddedView(item, base, actions) {
  const { _links, _embedded, _templates, ...properties } = item ?? {};
  return [
    linksTable(item, base, `Links of ${nameOf(item, 0)}`, actions),
    templatesOf(item, base).map((template) =>
      lazyDetails(['summary', template.title ?? template.method], () => [
        buildForm(template, { send: actions.submit, signIn: actions.signIn }),
      ]),
    ),
    json.pretty(properties, (address, text) => anchor(address, text, actions)),
    Object.values(_embedded ?? {})
      .flat()
      .map((inner, index) => lazyDetails(['item', nameOf(inner, index)], () => embeddedView(inner, base, actions))),
  ]
    .flat()
    .filter((node) => node instanceof Node);
}

/** Built when first opened: a page of a hundred resources would else ask the server for the methods of each link. */
function lazyDetails([kind, ...caption], build) {
  const details = element('details', { class: kind }, element('summary', {}, caption));
  details.addEventListener('toggle', () => details.append(...build()), { once: true });
  return details;
}

/** The words by which a person tells one item from the next. */
function nameOf(item, index) {
  const name = ['displayName', 'name', 'title', 'body']
    .map((key) => item?.[key])
    .find((text) => typeof text === 'string' && text);
  const id = item?.id === undefined ? `#${index + 1}` : json.word(item.id);
  return name ? `${id} ${name.length > 60 ? `${name.slice(0, 60)}…` : name}` : id;
}

function bodyView({ value, text, picture }, actions) {
  if (picture) return element('img', { src: picture, alt: 'The picture in this answer' });
  if (value !== undefined) return json.pretty(value, (address, shown) => anchor(address, shown, actions));
  return text ? element('pre', {}, text) : element('p', { class: 'facts' }, 'The answer has no body.');
}

function curlView({ request, authorized }) {
  const text = curl(request, authorized);
  const copy = button('Copy', async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = 'Copied';
  });
  // Only pages served over HTTPS or from this machine may write to the clipboard.
  return [element('pre', { id: 'curl' }, text), navigator.clipboard && copy];
}

function elsewhere(home) {
  if (!home) return undefined;
  const there = `${home}${location.pathname}${location.hash}`;
  return element(
    'div',
    { class: 'notice' },
    element(
      'p',
      {},
      `The links in this answer lead to ${home}, and this explorer speaks only to ${location.origin}. Open it there: `,
      element('a', { href: there }, there),
    ),
  );
}

function section(title, content) {
  const nodes = [content].flat().filter((node) => node instanceof Node);
  return nodes.length ? element('section', {}, element('h3', {}, title), nodes) : undefined;
}
