// Forms: what is filled in is sent as it was meant, and what is refused is said where it is wrong.

import assert from 'node:assert/strict';
import { accessToken } from './browser.mjs';
import { EXPLORER, look, newName, outcome, press, pretend, story } from './explorer-steps.mjs';

story('what the server refuses is shown at the field', {}, async (page) => {
  const token = await accessToken();
  const name = newName();
  await page.goto(`${EXPLORER}#hkey0=Authorization&hval0=Bearer%20${token}&uri=/v1/users`);
  const form = page.getByRole('dialog');
  await press(page, 'POST this address');
  await form.locator('[name="name"]').fill(name);
  await page.keyboard.press('Enter');
  await outcome(page, 200, 'POST');
  await press(page, 'POST this address');
  await form.getByRole('button').last().click();
  await form.locator('[name="name"][aria-invalid="true"]').waitFor();
  await form.locator('[name="name"]').fill(name);
  await page.keyboard.press('Enter');
  await form.getByText('Another user has this name.').waitFor();
  assert.equal(await form.locator('[name="name"]').getAttribute('aria-invalid'), 'true');
  await look(page, 'refused form');
});

story('JSON can be written instead of filling in fields', {}, async (page) => {
  const token = await accessToken();
  const name = newName();
  await page.goto(`${EXPLORER}#hkey0=Authorization&hval0=Bearer%20${token}&uri=/v1/users`);
  await press(page, 'POST this address');
  await press(page, 'Write JSON instead');
  await page.getByLabel('Body').fill(`{"name": "${name}",}`);
  await page.getByRole('dialog').getByRole('button').last().click();
  await page.getByText('This is not JSON').waitFor();
  await page.getByLabel('Body').fill(`{"name": "${name}", "properties": {"big": 9007199254740993}}`);
  await look(page, 'editor');
  await page.getByRole('dialog').getByRole('button').last().click();
  await outcome(page, 200, 'POST');
  assert.ok((await page.locator('pre.json').last().textContent()).includes(name));
});

story('every kind of field is sent as the kind it is', {}, async (page) => {
  const properties = [
    { name: 'text', prompt: 'A text', required: true, regex: '[a-z0-9\\-]+', minLength: 2 },
    { name: 'long', type: 'number', min: 1, value: 3 },
    {
      name: 'guest',
      options: {
        inline: [
          { prompt: 'yes', value: true },
          { prompt: 'no', value: false },
        ],
        maxItems: 1,
      },
    },
    { name: 'tags', options: { inline: ['red', 'green', 'blue'], maxItems: 2 } },
    { name: 'open', type: 'json' },
    { name: 'fixed', readOnly: true, value: 'as it is' },
    { name: 'token', type: 'hidden', value: 'unseen' },
    { name: 'empty' },
  ];
  let sent;
  await pretend(page, ({ method, body }) => {
    if (method === 'POST') sent = body;
    const value = {
      id: 9007199254740993n.toString(),
      _templates: { default: { title: 'Make it', method: 'POST', properties } },
    };
    return { headers: { Allow: 'GET, POST' }, value };
  });
  await page.goto(`${EXPLORER}#uri=/v1/pretended`);
  await page.getByText('Make it').first().click();
  const send = page.getByRole('button', { name: 'Make it' });
  await page.getByLabel('A text').fill('A!');
  for (const name of ['red', 'green', 'blue']) await page.getByRole('checkbox', { name }).check();
  await page.getByLabel('long').fill('0');
  await page.getByLabel('open').fill('{');
  await send.click();
  await page.getByText('This must match [a-z0-9\\-]+').waitFor();
  await page.getByText('4 fields need your attention.').waitFor();
  await page.getByText('Choose at most 2.').waitFor();
  await look(page, 'fields');
  await page.getByLabel('A text').fill('a-1');
  await page.getByRole('checkbox', { name: 'blue' }).uncheck();
  await page.getByLabel('long').fill('9007199254740993');
  await page.getByLabel('guest').selectOption('no');
  await page.getByLabel('open').fill('{"a": [1]}');
  await send.click();
  await outcome(page, 200, 'POST /v1/pretended');
  assert.match(sent, /"long": 9007199254740993,/, 'a 64-bit integer keeps its digits');
  const { long, ...rest } = JSON.parse(sent);
  assert.deepEqual(rest, {
    text: 'a-1',
    guest: false,
    tags: ['red', 'green'],
    open: { a: [1] },
    fixed: 'as it is',
    token: 'unseen',
  });
});
