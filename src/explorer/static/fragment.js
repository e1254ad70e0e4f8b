// The part of the page's address after `#`, in the form HAL explorers share:
//   #hkey0=Content-Type&hval0=application/json&uri=/v1/applications/me
// Up to five headers, keys and values percent-encoded, then `uri` (or its older name `url`), taken raw to the end.

const MOST_HEADERS = 5;

/**
 * Reads a fragment: `{ uri, headers: [[name, value]] }`, both empty for an empty one. Throws an Error with a sentence.
 */
export function parse(hash) {
  const text = hash.replace(/^#/, '');
  if (!text) return { uri: '', headers: [] };
  const found = /(?:^|&)ur[il]=/.exec(text);
  if (!found) throw new Error('It names no address: “uri=” is missing.');
  const uri = text.slice(found.index + found[0].length);
  if (!uri) throw new Error('Nothing follows “uri=”.');
  // Only the form is checked here, and any base will do for that.
  if (!URL.canParse(uri, 'http://localhost') || !/^https?:$/.test(new URL(uri, 'http://localhost').protocol)) {
    throw new Error(`“${uri}” is no address of a web server.`);
  }
  // Other parameters (theme, layout, httpOptions, allHttpMethodsForLinks) belong to other explorers.
  const parameters = new Map(
    text
      .slice(0, found.index)
      .split('&')
      .map((pair) => {
        const [key, ...value] = pair.split('=');
        return [decode(key), decode(value.join('='))];
      }),
  );
  const headers = [];
  for (let index = 0; index < MOST_HEADERS; index += 1) {
    const name = parameters.get(`hkey${index}`);
    if (name) headers.push([name, parameters.get(`hval${index}`) ?? '']);
  }
  checkHeaders(headers);
  return { uri, headers };
}

/** The fragment, with its `#`, as the browser itself would write it. */
export function format({ uri, headers }) {
  const pairs = headers
    .slice(0, MOST_HEADERS)
    .map(([name, value], index) => `hkey${index}=${encode(name)}&hval${index}=${encode(value)}&`);
  return new URL(`#${pairs.join('')}uri=${uri}`, 'http://localhost').hash;
}

/**
 * Splits an `Authorization` off the headers, so that a token stays neither in the address nor in the browser's
 * history: `{ headers, token, refused }`. A token is what follows `Bearer`; another scheme is dropped and `refused`,
 * since the API knows no other.
 */
export function splitToken(headers) {
  const isToken = ([name]) => name.toLowerCase() === 'authorization';
  const value = headers.find(isToken)?.[1];
  return {
    headers: headers.filter((header) => !isToken(header)),
    token: value && /^\s*bearer\s+(\S+)\s*$/i.exec(value)?.[1],
    refused: value !== undefined && !/^\s*bearer\s+\S+\s*$/i.test(value),
  };
}

/** Throws an Error with a sentence where a header could not be sent. */
export function checkHeaders(headers) {
  for (const [name, value] of headers) {
    try {
      new Headers([[name, value]]);
    } catch {
      throw new Error(`“${name}: ${value}” is no header that can be sent.`);
    }
  }
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error(`“${text}” is not percent-encoded correctly; write a percent sign as %25.`);
  }
}

/** Slashes stay readable, as in the links people write by hand. */
const encode = (text) => encodeURIComponent(text).replaceAll('%2F', '/');
