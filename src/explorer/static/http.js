// Requests to the server this page came from, and what it answered.

import * as json from './json.js';
import { session } from './session.js';

const ACCEPT = 'application/prs.hal-forms+json, application/hal+json, application/json, */*;q=0.1';

/** No answer came. The message is a sentence for the reader. */
export class Unanswered extends Error {}

/**
 * A request as it will be sent. `headers` are the reader's own and win over ours; `body` is a text, URLSearchParams or
 * FormData. The token is looked up when it is sent, so a repeated request uses a new one.
 */
export function request(method, url, headers, { contentType, body } = {}) {
  const all = new Headers({ Accept: ACCEPT });
  if (contentType) all.set('Content-Type', contentType);
  for (const [name, value] of headers) {
    // A body decides its own type, and a multipart boundary is the browser's to write.
    if (body === undefined || name.toLowerCase() !== 'content-type') all.set(name, value);
  }
  if (body instanceof FormData) all.delete('Content-Type');
  return { method, url, headers: all, body };
}

/** Sends it: `{ request, url, status, statusText, headers, milliseconds, bytes, type, text, value, picture }`. */
export async function send(request, signal) {
  const { method, body } = request;
  const url = new URL(request.url, location.origin);
  if (url.origin !== location.origin) {
    throw new Unanswered(
      `${url.origin} is another server. This explorer speaks to ${location.origin} only, so that ` +
        'your token stays with it.',
    );
  }
  const headers = new Headers(request.headers);
  const token = session()?.token;
  if (token) headers.set('Authorization', `Bearer ${token}`);
  const started = performance.now();
  let response;
  let blob;
  try {
    response = await fetch(url, { method, headers, body, signal, cache: 'no-store', credentials: 'omit' });
    blob = await response.blob();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Unanswered(
      `The server at ${location.origin} does not answer. Check that it is running and that you are ` +
        'connected, then try again.',
    );
  }
  const milliseconds = Math.round(performance.now() - started);
  const type = response.headers.get('Content-Type') ?? '';
  const answer = {
    request,
    authorized: Boolean(token),
    url: response.url,
    status: response.status,
    statusText: response.statusText,
    headers: response.headers,
    milliseconds,
    bytes: blob.size,
    type,
  };
  if (blob.size > 0 && type.startsWith('image/')) return { ...answer, picture: await dataUrl(blob) };
  const text = await blob.text();
  return { ...answer, text, value: /^application\/(.*\+)?json/.test(type) ? json.parse(text) : undefined };
}

const ORDER = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
const known = new Map();

/** The methods that `Allow` names for an address, asked for once. GET alone where nothing can be learned. */
export function allowedMethods(url) {
  const address = new URL(url, location.origin);
  address.search = '';
  if (!known.has(address.href)) known.set(address.href, askForMethods(address));
  return known.get(address.href);
}

async function askForMethods(address) {
  try {
    const response = await fetch(address, { method: 'OPTIONS', credentials: 'omit' });
    const allowed = response.headers
      .get('Allow')
      ?.toUpperCase()
      .split(/\s*,\s*/) ?? ['GET'];
    return ORDER.filter((method) => allowed.includes(method));
  } catch {
    known.delete(address.href);
    return ['GET'];
  }
}

/** The policy of this page shows pictures from `data:`, and a plain `src` could not carry the token. */
const dataUrl = (blob) =>
  new Promise((resolve) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => resolve(reader.result));
    reader.readAsDataURL(blob);
  });
