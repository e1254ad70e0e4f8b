// A request that needs a body, asked for in a dialog.

import { ask } from './dialogs.js';
import { button } from './element.js';
import { buildForm, plainTemplate, templatesOf } from './forms.js';
import { request, send } from './http.js';
import * as json from './json.js';
import { shorten } from './links.js';

/** Shows the server's template for the request if there is one, else the JSON editor, until an answer came. */
export async function compose(method, url, { headers, shown, actions }) {
  const template = await templateFor(method, url, headers, shown);
  await ask(template.title ?? `${method} ${shorten(url)}`, (close) => {
    const form = buildForm(template, {
      signIn: actions.signIn,
      async send(pieces) {
        const problem = await actions.submit(pieces);
        if (!problem) close();
        return problem;
      },
    });
    form.querySelector('.buttons').prepend(button('Cancel', () => close()));
    return [form];
  });
  // The button that opened the dialog has gone if there was an answer, and the focus with it.
  if (document.activeElement === document.body) document.getElementById('outcome')?.focus();
}

async function templateFor(method, url, headers, shown) {
  const fits = (resource, base) => {
    // A resource answers at several addresses, and its templates name but one of them.
    const own = [base, resource?._links?.self?.href ?? base].map(path);
    const wanted = own.includes(path(url)) ? own : [path(url)];
    return templatesOf(resource, base).find(
      (template) => template.method === method && wanted.includes(path(template.url)),
    );
  };
  const here = shown && fits(shown.value, shown.url);
  if (here) return { ...here, url };
  // The resource itself knows its templates best, and looking at it changes nothing.
  const there = await send(request('GET', url, headers)).catch(() => undefined);
  const found = there && fits(there.value, there.url);
  if (found) return { ...found, url };
  const { _links, _embedded, _templates, ...properties } = there?.value ?? {};
  return plainTemplate(method, url, method === 'PUT' ? json.print(properties) : '{}');
}

const path = (url) => new URL(url, location.origin).pathname;
