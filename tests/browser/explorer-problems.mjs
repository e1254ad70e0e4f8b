// What goes wrong is said in a sentence, with the way out of it.

import assert from 'node:assert/strict';
import { BASE, CLIENT_ID, CLIENT_SECRET, accessToken } from './browser.mjs';
import { EXPLORER, SEED_LINK, look, newName, outcome, press, pretend, signIn, story } from './explorer-steps.mjs';

story('a token that has expired leads to a sign-in, and the request is repeated', {}, async (page) => {
  await page.goto(`${EXPLORER}#hkey0=Authorization&hval0=Bearer%20expired&uri=/v1/applications/me`);
  await page.getByRole('heading', { name: 'Your sign-in has ended' }).waitFor();
  await page.getByText('Not signed in').waitFor();
  await signIn(page);
  await outcome(page, 200, 'GET /v1/applications/me');
});

story('a token that expires while a form is filled in loses nothing', {}, async (page) => {
  const token = await accessToken();
  const name = newName();
  await page.goto(`${EXPLORER}#hkey0=Authorization&hval0=Bearer%20${token}&uri=/v1/applications/me`);
  await press(page, 'POST users');
  const dialog = page.getByRole('dialog').first();
  await dialog.locator('[name="name"]').fill(name);
  await page.evaluate(() => sessionStorage.setItem('explorer-session', JSON.stringify({ token: 'expired' })));
  await dialog.getByRole('button').last().click();
  await press(page, 'Sign in and send again');
  await page.getByLabel('Client ID').fill(CLIENT_ID);
  await page.getByLabel('Client secret').fill(CLIENT_SECRET);
  await page.keyboard.press('Enter');
  await outcome(page, 200, 'POST /v1/');
  assert.ok((await page.locator('pre.json').last().textContent()).includes(name));
});

story('wrong credentials are answered with a sentence', {}, async (page) => {
  await page.goto(SEED_LINK);
  await page.getByRole('button', { name: 'Sign in and repeat' }).click();
  await page.getByLabel('Client ID').fill(CLIENT_ID);
  await page.getByLabel('Client secret').fill(`not ${CLIENT_SECRET}`);
  await page.keyboard.press('Enter');
  await page.getByText('does not know this client ID with this secret').waitFor();
  await look(page, 'wrong credentials');
});

story('what the credentials do not permit is said, with the scope that is missing', {}, async (page) => {
  await pretend(page, () => ({
    status: 403,
    headers: { 'WWW-Authenticate': 'Bearer error="insufficient_scope", scope="delete:user"' },
    value: { error: 'insufficient_scope', error_description: 'the token lacks a scope' },
  }));
  await page.goto(`${EXPLORER}#uri=/v1/pretended`);
  await page.getByRole('main').getByText('They lack the scope delete:user.').waitFor();
  await look(page, 'not permitted');
});

story('links that are no addresses of the web are not followed', {}, async (page) => {
  const href = ['javascript:alert(1)', 'http://[', 'https://elsewhere.example/', '/v1/pretended'];
  await pretend(page, () => ({ value: { note: 'http://[', _links: { odd: href.map((one) => ({ href: one })) } } }));
  await page.goto(`${EXPLORER}#uri=/v1/pretended`);
  await outcome(page, 200);
  const links = await page
    .getByRole('main')
    .getByRole('link')
    .evaluateAll((all) => all.map((link) => link.getAttribute('href')));
  assert.deepEqual([...new Set(links)].sort(), ['#uri=/v1/pretended', 'https://elsewhere.example/']);
});

story('a damaged link says how a right one looks', {}, async (page) => {
  await page.goto(`${EXPLORER}#hkey0=Content-Type&hval0=%E0%A4%A&uri=/v1`);
  await page.getByRole('heading', { name: 'This link is damaged' }).waitFor();
  await look(page, 'damaged link');
  await page.getByRole('link', { name: '#uri=/v1' }).click();
  await outcome(page, 401, 'GET /v1');
});

story('a resource that is not there is said to be missing', {}, async (page) => {
  const token = await accessToken();
  await page.goto(`${EXPLORER}#hkey0=Authorization&hval0=Bearer%20${token}&uri=/v1/users/999999999`);
  await page.getByRole('heading', { name: 'Not found', exact: true }).waitFor();
  await page.getByRole('status').getByText('There is nothing at /v1/users/999999999').waitFor();
  await look(page, 'not found');
});

story('a server that cannot be reached is said to be so, and can be tried again', {}, async (page, context) => {
  await page.goto(`${EXPLORER}#uri=/health/ready`);
  await outcome(page, 200);
  await context.setOffline(true);
  await press(page, 'Go');
  await page.getByRole('main').getByText(`The server at ${BASE} does not answer`).waitFor();
  await look(page, 'unreachable');
  await context.setOffline(false);
  await press(page, 'Try again');
  await outcome(page, 200);
});

story('a server that goes away while signing in or filling in a form is said to be so', {}, async (page, context) => {
  const dialog = page.getByRole('dialog');
  await page.goto(SEED_LINK);
  await press(page, 'Sign in and repeat');
  await page.getByLabel('Client ID').fill(CLIENT_ID);
  await page.getByLabel('Client secret').fill(CLIENT_SECRET);
  await context.setOffline(true);
  await page.keyboard.press('Enter');
  await dialog.getByText(`The server at ${BASE} does not answer`).waitFor();
  await context.setOffline(false);
  await page.keyboard.press('Enter');
  await outcome(page, 200, 'GET /v1/applications/me');

  const name = newName();
  await press(page, 'POST users');
  await dialog.locator('[name="name"]').fill(name);
  await context.setOffline(true);
  await page.keyboard.press('Enter');
  await dialog.getByText(`The server at ${BASE} does not answer`).waitFor();
  await look(page, 'unreachable form');
  await context.setOffline(false);
  await page.keyboard.press('Enter');
  await outcome(page, 200, 'POST /v1/');
  assert.ok((await page.locator('pre.json').last().textContent()).includes(name), 'nothing that was filled in is lost');
});

for (const [fragment, sentence] of Object.entries({
  '#nonsense': 'It names no address',
  '#uri=': 'Nothing follows',
  '#hkey0=a%20b&hval0=c&uri=/v1': 'is no header that can be sent',
  '#uri=javascript:alert(1)': 'is no address of a web server',
})) {
  story(`the fragment ${fragment} is said to be damaged`, {}, async (page) => {
    await page.goto(EXPLORER + fragment);
    await page.getByRole('heading', { name: 'This link is damaged' }).waitFor();
    await page.getByRole('main').getByText(sentence).waitFor();
    // A link on the page, or one that is typed over the address, mends it.
    await page.goto(`${EXPLORER}#uri=/health/ready`);
    await outcome(page, 200, 'GET /health/ready');
  });
}

story('another host is neither asked nor told the token', {}, async (page) => {
  await page.goto(`${EXPLORER}#hkey0=Authorization&hval0=Bearer%20secret&uri=https://elsewhere.example/v1`);
  await page.getByRole('main').getByText('https://elsewhere.example is another server').waitFor();
});
