// The explorer: a page that follows its own fragment. What the fragment names is fetched and shown; links change the
// fragment; everything but GET is sent from here and leaves the fragment alone, so going back never repeats it.

import { compose } from './compose.js';
import { askForCredentials, askForVariables, confirmDelete } from './dialogs.js';
import { element } from './element.js';
import { checkHeaders, format, parse, splitToken } from './fragment.js';
import { record } from './history.js';
import { request, send, Unanswered } from './http.js';
import { shorten } from './links.js';
import { explain } from './problems.js';
import { relationPages } from './relations.js';
import { session, signOut, takeToken } from './session.js';
import { isTemplate } from './templates.js';
import { answerView, notice } from './view.js';

const START = '/v1';
const page = Object.fromEntries(
  ['address', 'uri', 'headers', 'status', 'answer', 'history', 'session', 'sign'].map((id) => [
    id,
    document.getElementById(id),
  ]),
);

/** The reader's own request headers, as the fragment has them. */
let headers = [];
/** The answer on the page. */
let shown;
/** Stops the request that a newer one has overtaken. */
let running = new AbortController();

const actions = {
  href: (address) => format({ uri: shorten(address), headers }),
  repeat: (again) => perform(again),
  /** Whether the reader is signed in afterwards. */
  async signIn() {
    const isSignedIn = await askForCredentials();
    showSession();
    return isSignedIn;
  },
  async signInAndRepeat(again) {
    if (await actions.signIn()) await perform(again);
  },
  /** Sends what a form holds; resolves to the problem it should show, if any. */
  async submit(pieces) {
    if (pieces.method === 'GET') return void navigate(pieces.url);
    if (pieces.method === 'DELETE' && !(await confirmDelete(shorten(pieces.url)))) return undefined;
    try {
      const answer = await send(request(pieces.method, pieces.url, headers, pieces));
      const problem = explain(answer);
      if (problem) forgetDeadToken(answer);
      else show(answer);
      return problem;
    } catch (error) {
      return { sentence: error.message, fields: [] };
    }
  },
  /** Does what a button of a link says. */
  async act(method, address) {
    const url = isTemplate(address) ? await askForVariables(address) : address;
    if (!url) return;
    if (method === 'GET') navigate(url);
    else if (method === 'HEAD' || method === 'OPTIONS') await perform(request(method, url, headers));
    else if (method === 'DELETE') {
      if (await confirmDelete(shorten(url))) await perform(request(method, url, headers));
    } else await compose(method, url, { headers, shown, actions });
  },
};

/** Goes to an address; the rest follows from the fragment. */
function navigate(address) {
  const hash = actions.href(address);
  // The same fragment again changes nothing by itself.
  if (hash === location.hash) load();
  else location.hash = hash;
}

/** Shows what the fragment names. */
async function load() {
  let fragment;
  try {
    fragment = parse(location.hash);
  } catch (error) {
    const sentence = `The part of this page's address after # cannot be read. ${error.message} It should look like `;
    showProblem({
      title: 'This link is damaged',
      sentence: [sentence, element('a', { href: `#uri=${START}` }, `#uri=${START}`), '.'],
    });
    return;
  }
  const { headers: kept, token, refused } = splitToken(fragment.headers);
  const uri = fragment.uri || START;
  headers = kept;
  // The token has to leave the address before anything else happens, and with it this entry of the browser's history.
  if (token || refused) history.replaceState(null, '', format({ uri, headers }));
  if (token) takeToken(token);
  showSession();
  showAddress(uri);
  if (!isTemplate(uri)) {
    await perform(request('GET', new URL(uri, location.origin).href, headers));
    return;
  }
  const hash = location.hash;
  const filled = await askForVariables(uri);
  // Going back while the question is open is an answer too, and something else is on the page by now.
  if (hash !== location.hash) return;
  if (filled === undefined) {
    showProblem({ title: 'This address is a template', sentence: 'Choose Go to fill in its variables.' });
    return;
  }
  history.replaceState(null, '', format({ uri: filled, headers }));
  await load();
}

/** Sends a request and shows what comes back. */
async function perform(what) {
  running.abort();
  running = new AbortController();
  page.status.textContent = `Waiting for ${what.method} ${shorten(what.url)} …`;
  page.answer.setAttribute('aria-busy', 'true');
  try {
    const answer = await send(what, running.signal);
    forgetDeadToken(answer);
    show(answer);
  } catch (error) {
    if (error.name === 'AbortError') return;
    if (!(error instanceof Unanswered)) throw error;
    showProblem({ title: 'No answer', sentence: error.message, offer: 'retry' }, what);
  }
}

/** A token that was refused is of no more use, and keeping it would claim that someone is signed in. */
function forgetDeadToken({ status, authorized }) {
  if (status === 401 && authorized) signOut();
  showSession();
}

function show(answer) {
  shown = answer;
  record(page.history, answer, actions.href(answer.url));
  document.title = `${answer.request.method} ${shorten(answer.url)} – HAL explorer`;
  const problem = explain(answer);
  replaceAnswer(answerView(answer, actions), [
    `${answer.status} ${answer.statusText}`,
    `${answer.request.method} ${shorten(answer.url)}`,
    `${answer.milliseconds} milliseconds`,
    problem && `${problem.title}: ${problem.sentence}`,
  ]);
}

function showProblem(problem, what) {
  shown = undefined;
  document.title = `${problem.title} – HAL explorer`;
  const text = [problem.sentence]
    .flat()
    .map((part) => part.textContent ?? part)
    .join('');
  replaceAnswer(
    [
      element('h2', { tabindex: '-1', id: 'outcome' }, problem.title),
      notice({ ...problem, title: undefined }, what, actions),
    ],
    [problem.title, text],
  );
}

/** Puts new content in place and says so; the focus must not be lost with the link that was followed. */
function replaceAnswer(nodes, announcement) {
  const hadFocus = page.answer.contains(document.activeElement);
  page.answer.removeAttribute('aria-busy');
  page.answer.replaceChildren(...nodes);
  if (hadFocus) document.getElementById('outcome').focus();
  page.status.textContent = announcement.filter(Boolean).join('. ');
}

function showSession() {
  const current = session();
  page.session.textContent = current
    ? `Signed in${current.client ? ` as ${current.client}` : ' by a link'}`
    : 'Not signed in';
  page.sign.textContent = current ? 'Sign out' : 'Sign in';
}

/** The address and its headers in the form at the top; the last row is empty, for one more. */
function showAddress(uri) {
  page.uri.value = uri;
  const rows = [...headers, ['', '']].slice(0, 5);
  page.headers.replaceChildren(
    ...rows.map(([name, value], index) =>
      element(
        'div',
        { class: 'line' },
        element('input', { value: name, placeholder: 'Name', 'aria-label': `Name of header ${index + 1}` }),
        element('input', { value, placeholder: 'Value', 'aria-label': `Value of header ${index + 1}` }),
      ),
    ),
  );
}

page.address.addEventListener('submit', (event) => {
  event.preventDefault();
  const pairs = [...page.headers.children].map((row) => [...row.children].map((input) => input.value.trim()));
  try {
    const named = pairs.filter(([name]) => name);
    checkHeaders(named);
    const { headers: kept, token } = splitToken(named);
    if (token) takeToken(token);
    headers = kept;
    navigate(page.uri.value.trim());
  } catch (error) {
    showProblem({ title: 'This cannot be sent', sentence: error.message });
  }
});

page.sign.addEventListener('click', async () => {
  if (session()) {
    signOut();
    showSession();
  } else if ((await actions.signIn()) && (!shown || shown.status === 401)) {
    await load();
  }
});

// A link to the address that is shown already is a wish to see it anew; a template needs its variables first.
document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href^="#"]');
  if (!link || link.classList.contains('skip') || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const { uri } = parse(link.hash);
  if (isTemplate(uri) || link.hash === location.hash) {
    event.preventDefault();
    if (isTemplate(uri)) actions.act('GET', uri);
    else load();
  }
});

// The skip link is a fragment too, and no address.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  page.answer.focus();
});

// A server without documentation has nothing to show there.
relationPages().then((pages) => {
  document.querySelector('nav a[href="/docs"]').hidden = Object.keys(pages).length === 0;
});

addEventListener('hashchange', () => {
  // A question about the page that was left is moot.
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
  load();
});
load();
