// The questions the explorer asks. Each is a modal `<dialog>`: the browser keeps the focus inside, closes it on Escape
// and gives the focus back.

import { button, element, newId } from './element.js';
import { signIn } from './session.js';
import { expand, variables } from './templates.js';

/** Shows what `build(close)` returns; resolves to what `close` was given, or undefined if the reader left. */
export function ask(title, build) {
  const heading = element('h2', { id: newId('dialog') }, title);
  const dialog = element('dialog', { 'aria-labelledby': heading.id }, heading);
  let result;
  const close = (value) => {
    result = value;
    dialog.close();
  };
  dialog.append(...build(close));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(result);
    });
  });
}

/** Whether to delete. The harmless answer has the focus. */
export const confirmDelete = (path) =>
  ask('Delete this?', (close) => [
    element('p', {}, element('code', {}, path), ' and everything in it will be gone. This cannot be undone.'),
    element(
      'div',
      { class: 'buttons' },
      button('Cancel', () => close(false), { autofocus: true }),
      button('Delete', () => close(true), { class: 'danger' }),
    ),
  ]);

/** Shows another page of this server. */
export const showPage = (title, address) =>
  ask(title, (close) => {
    const frame = element('iframe', { src: address, title });
    frame.addEventListener('load', () => {
      const page = frame.contentDocument;
      // It has no code of its own to follow the button for light and dark, and keys that it gets do not get here.
      const { theme } = document.documentElement.dataset;
      if (page && theme) page.documentElement.dataset.theme = theme;
      page?.addEventListener('keydown', ({ key }) => key === 'Escape' && close());
    });
    return [
      frame,
      element(
        'div',
        { class: 'buttons' },
        button('Close', () => close(), { class: 'strong', autofocus: true }),
      ),
    ];
  });

/** Asks for client credentials until they are right; true once signed in. */
export const askForCredentials = () =>
  ask('Sign in', (close) => {
    const client = element('input', {
      id: newId('client'),
      autocomplete: 'username',
      required: true,
      spellcheck: 'false',
      autocapitalize: 'off',
    });
    const secret = element('input', {
      id: newId('secret'),
      type: 'password',
      autocomplete: 'current-password',
      required: true,
    });
    const problem = element('p', { class: 'error', role: 'alert' });
    const submit = async (event) => {
      event.preventDefault();
      problem.textContent = '';
      try {
        await signIn(client.value, secret.value);
        close(true);
      } catch (error) {
        problem.textContent = error.message;
        secret.focus();
      }
    };
    return [
      element(
        'form',
        { onsubmit: submit },
        element('p', {}, 'With the client credentials of your application. The secret is used once and not kept.'),
        element('label', { for: client.id }, 'Client ID'),
        client,
        element('label', { for: secret.id }, 'Client secret'),
        secret,
        problem,
        element(
          'div',
          { class: 'buttons' },
          button('Cancel', () => close(false)),
          element('button', { class: 'strong' }, 'Sign in'),
        ),
      ),
    ];
  });

/** Asks for the variables of a URI template; resolves to the filled-in address. */
export const askForVariables = (template) =>
  ask('Fill in the address', (close) => {
    const fields = variables(template).map(({ name, required, list }) => ({
      name,
      list,
      required,
      input: element('input', { id: newId('variable'), required, autocomplete: 'off', spellcheck: 'false' }),
    }));
    const filled = () =>
      expand(
        template,
        Object.fromEntries(
          fields
            .filter(({ input }) => input.value)
            .map(({ name, list, input }) => [name, list ? input.value.split(/\s*,\s*/) : input.value]),
        ),
      );
    const preview = element('output', {}, filled());
    const submit = (event) => {
      event.preventDefault();
      close(filled());
    };
    return [
      element(
        'form',
        {
          onsubmit: submit,
          oninput: () => {
            preview.textContent = filled();
          },
        },
        fields
          .map(({ name, list, required, input }) => [
            element(
              'label',
              { for: input.id },
              name,
              required && ' (required)',
              list && ' (separate several by commas)',
            ),
            input,
          ])
          .flat(),
        element('p', { class: 'preview' }, preview),
        element(
          'div',
          { class: 'buttons' },
          button('Cancel', () => close()),
          element('button', { class: 'strong' }, 'Continue'),
        ),
      ),
    ];
  });
