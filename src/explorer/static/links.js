// The links of a resource: where they lead, and what can be done there.

import { showPage } from './dialogs.js';
import { button, element } from './element.js';
import { allowedMethods } from './http.js';
import { relationPages } from './relations.js';
import { expand, isTemplate } from './templates.js';

/** A table of `_links`, or nothing. */
export function linksTable(resource, base, label, actions) {
  const links = linksOf(resource, base);
  if (links.length === 0) return undefined;
  const hasTitles = links.some(({ title }) => title);
  const rows = links.map((link) =>
    element(
      'tr',
      {},
      relationCell(link),
      hasTitles && element('td', { class: 'title' }, link.title),
      element('td', { class: 'where' }, anchor(link.address, shorten(link.address), actions)),
      element('td', {}, methodButtons(link.address, link.relation, actions)),
    ),
  );
  return element(
    'table',
    { 'aria-label': label },
    element(
      'thead',
      {},
      element(
        'tr',
        {},
        ['Relation', hasTitles && 'Title', 'Address', 'Methods']
          .filter(Boolean)
          .map((name) => element('th', { scope: 'col' }, name)),
      ),
    ),
    element('tbody', {}, rows),
  );
}

/** The name of a relation. It leads to what a curie says of it, else to the server's own page about it. */
function relationCell({ relation, documentation }) {
  const cell = element('th', { scope: 'row' }, relation);
  const show = (page) => page && cell.replaceChildren(documentationLink(relation, page));
  if (documentation) show(documentation);
  else relationPages().then((pages) => show(pages[relation]));
  return cell;
}

function documentationLink(relation, page) {
  const link = element('a', { href: page, target: '_blank', rel: 'noreferrer' }, relation);
  // A page of this server is shown here, unless the reader asks for a tab; others do not let themselves be framed.
  if (!isForeign(page)) {
    link.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      showPage(`The relation ${relation}`, page);
    });
  }
  return link;
}

/** A button for GET, and one for every other method as soon as the server has named them. */
export function methodButtons(address, label, actions) {
  const place = element('span', { class: 'methods' });
  if (isForeign(address)) return place;
  const show = (methods) =>
    place.replaceChildren(
      ...methods.map((method) =>
        button(isTemplate(address) ? `${method} …` : method, () => actions.act(method, address), {
          class: `method ${method.toLowerCase()}`,
          'aria-label': `${method} ${label}${isTemplate(address) ? ', asks for variables' : ''}`,
        }),
      ),
    );
  show(['GET']);
  allowedMethods(expand(address, {})).then((methods) => {
    // The reader may stand on the button that is about to be replaced.
    const hadFocus = place.contains(document.activeElement);
    show(methods.length ? methods : ['GET']);
    if (hadFocus) place.querySelector('button').focus();
  });
  return place;
}

/** A link that stays in the explorer, or leaves it for another server. */
export function anchor(address, text, actions) {
  if (!isWebAddress(address)) return element('span', {}, text);
  if (isForeign(address)) return element('a', { href: address, target: '_blank', rel: 'noreferrer' }, text);
  return element('a', { href: actions.href(address) }, text);
}

/** Without the origin that all addresses here share. */
export const shorten = (address) =>
  address.startsWith(`${location.origin}/`) ? address.slice(location.origin.length) : address;

/** Where this resource says it lives, if that is another server: its public address differs from where this page is. */
export function otherHome(resource, base) {
  const self = linksOf(resource, base).find(({ relation }) => relation === 'self');
  return self && isForeign(self.address) ? new URL(self.address).origin : undefined;
}

function linksOf(resource, base) {
  const { curies, ...links } = resource?._links ?? {};
  const documents = new Map([curies ?? []].flat().map(({ name, href }) => [name, href]));
  return Object.entries(links).flatMap(([relation, found]) =>
    [found]
      .flat()
      // The part before the first variable has to be an address; what cannot be followed is still in the body.
      .filter((link) => typeof link?.href === 'string' && isWebAddress(link.href.split('{')[0], base))
      .map(({ href, title, name, templated }) => {
        const [prefix, rest] = relation.split(':');
        const documentation = rest && documents.get(prefix);
        return {
          relation,
          title: title ?? name,
          // A URL parser would encode the braces of a template, so only the part before them is resolved.
          address: templated ? resolveTemplate(href, base) : new URL(href, base).href,
          documentation: documentation && new URL(expand(documentation, { rel: rest }), base).href,
        };
      }),
  );
}

function resolveTemplate(href, base) {
  const start = href.indexOf('{');
  return start < 0 ? new URL(href, base).href : new URL(href.slice(0, start), base).href + href.slice(start);
}

function isWebAddress(address, base = location.origin) {
  return URL.canParse(address, base) && /^https?:$/.test(new URL(address, base).protocol);
}

const isForeign = (address) => new URL(address, location.origin).origin !== location.origin;
