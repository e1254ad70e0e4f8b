// The access token. It lives in sessionStorage: gone with the tab, never in an address, and sent nowhere but to the
// server this page came from. The client secret is not kept at all.

const KEY = 'explorer-session';

/** `{ token, client }`; `client` is missing for a token that came with a link. Null while signed out. */
export const session = () => JSON.parse(sessionStorage.getItem(KEY));

export const takeToken = (token, client) => sessionStorage.setItem(KEY, JSON.stringify({ token, client }));

export const signOut = () => sessionStorage.removeItem(KEY);

/** Exchanges client credentials for a token and keeps it. Throws an Error with a sentence. */
export async function signIn(client, secret) {
  let response;
  try {
    response = await fetch('/oauth/token', {
      method: 'POST',
      // Else the browser would answer a Basic challenge with a prompt of its own before we hear of it.
      credentials: 'omit',
      headers: { Authorization: `Basic ${base64(`${client}:${secret}`)}`, Accept: 'application/json' },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
  } catch {
    throw new Error(`The server at ${location.origin} does not answer. Is it running?`);
  }
  const answer = await response.json().catch(() => ({}));
  if (response.status === 400 || response.status === 401) {
    throw new Error('The server does not know this client ID with this secret. Check both, then try again.');
  }
  if (!response.ok || !answer.access_token) {
    const reason = answer.error_description ?? answer.message ?? 'it gave no reason';
    throw new Error(`The server refused to sign in (${response.status}): ${reason}.`);
  }
  takeToken(answer.access_token, client);
}

/** `btoa` alone takes Latin-1 only. */
const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
