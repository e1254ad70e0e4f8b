// The same request for a shell. The token is `$TOKEN`: what is copied into a chat or a ticket carries no secret.

/** A command line of POSIX shells, one option a line. */
export function curl({ method, url, headers, body }, authorized) {
  const target = new URL(url, globalThis.location?.origin).href;
  const words = [`curl ${quote(target)}`];
  // curl would read brackets and braces in an address as a list of addresses.
  if (/[{}[\]]/.test(target)) words.push('--globoff');
  if (method === 'HEAD') words.push('--head');
  else if (method !== (body === undefined ? 'GET' : 'POST')) words.push(`--request ${method}`);
  for (const [name, value] of headers) words.push(`--header ${quote(`${name}: ${value}`)}`);
  if (authorized) words.push('--header "Authorization: Bearer $TOKEN"');
  if (typeof body === 'string') words.push(`--data-raw ${quote(body)}`);
  else for (const [name, value] of body ?? []) words.push(field(body, name, value));
  return words.join(' \\\n  ');
}

function field(body, name, value) {
  if (body instanceof URLSearchParams) return `--data-urlencode ${quote(`${name}=${value}`)}`;
  return typeof value === 'string'
    ? `--form-string ${quote(`${name}=${value}`)}`
    : `--form ${quote(`${name}=@${value.name}`)}`;
}

/** In single quotes a shell changes nothing; a single quote itself has to step outside them. */
const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
