// What went wrong, in sentences that say what to do next.

/**
 * `{ title, sentence, offer, fields }` for an answer that is an error, else undefined. `offer` is `sign in`, `retry` or
 * nothing.
 */
export function explain(answer) {
  if (answer.status < 400) return undefined;
  const said = sentence(answer.value?.message ?? answer.value?.error_description);
  const path = new URL(answer.url).pathname;
  const fields = fieldErrors(answer.value);
  switch (answer.status) {
    case 401:
      return answer.authorized
        ? {
            title: 'Your sign-in has ended',
            sentence: 'The access token has expired or was revoked.',
            offer: 'sign in',
            fields,
          }
        : {
            title: 'Sign in first',
            sentence: `${path} answers only to those who are signed in.`,
            offer: 'sign in',
            fields,
          };
    case 403:
      return {
        title: 'Not permitted',
        sentence:
          `These credentials may not do this. ${missingScope(answer) ?? said} ` +
          'Sign in with others, or ask whoever gave you these for more.',
        offer: 'sign in',
        fields,
      };
    case 404:
      return { title: 'Not found', sentence: `There is nothing at ${path}; perhaps it was deleted. ${said}`, fields };
    case 429: {
      const seconds = answer.headers.get('Retry-After');
      return {
        title: 'Too many requests',
        sentence: `Wait ${seconds ? `${seconds} seconds` : 'a little'}, then try again.`,
        offer: 'retry',
        fields,
      };
    }
    case 400:
      return {
        title: 'The server did not accept this',
        sentence: said || 'The request is not as the API wants it.',
        fields,
      };
    default:
      if (answer.status < 500) return { title: 'The server refused this', sentence: said, fields };
      return {
        title: 'The server failed',
        sentence:
          `${said} Try again; if it fails again, report the ` +
          `response token ${answer.headers.get('X-Response-Token') ?? '(there was none)'}.`,
        offer: 'retry',
        fields,
      };
  }
}

function fieldErrors(value) {
  const errors = Array.isArray(value?.errors) ? value.errors : [];
  return errors.map(({ field, message, code }) => ({ field: field ?? '', message: sentence(message ?? code) }));
}

/** RFC 6750 lets the challenge name the scope that would have been enough. */
function missingScope({ headers }) {
  const scope = /\bscope="([^"]+)"/.exec(headers.get('WWW-Authenticate') ?? '')?.[1];
  return scope && `They lack the scope ${scope}.`;
}

/** The server's words with a capital and a full stop. */
function sentence(text) {
  if (typeof text !== 'string' || !text) return '';
  return text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
}
