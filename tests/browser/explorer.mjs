// The HAL explorer, in a real browser against a running server:
//   BASE_URL=http://127.0.0.1:8080 CLIENT_ID=… CLIENT_SECRET=… node explorer.mjs
// CHROMIUM names another browser, SCREENSHOTS a folder for a picture of each state and of what failed.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { BASE, CLIENT_ID, CLIENT_SECRET, LOOKS, accessToken } from './browser.mjs';
import './explorer-forms.mjs';
import './explorer-problems.mjs';
import './explorer-relations.mjs';
import { EXPLORER, SEED_LINK, follow, look, newName, outcome, press, signIn, story } from './explorer-steps.mjs';

for (const [look_, options] of Object.entries(LOOKS)) {
  story(`a user is created by a form, followed to the channels and deleted (${look_})`, options, async (page) => {
    const name = newName();
    await page.goto(SEED_LINK);
    await page.getByRole('heading', { name: 'Sign in first' }).waitFor();
    await look(page, `${look_} signed out`);
    await signIn(page);
    await outcome(page, 200, 'GET /v1/applications/me');
    await page.getByRole('button', { name: 'POST users', exact: true }).waitFor();
    await look(page, `${look_} application`);

    await press(page, 'POST users');
    const dialog = page.getByRole('dialog');
    await dialog.locator('[name="name"]').fill(name);
    await look(page, `${look_} form`);
    await dialog.getByRole('button').last().click();
    await outcome(page, 200, 'POST /v1/');
    assert.ok((await page.locator('pre.json').last().textContent()).includes(`"name": "${name}"`));
    await look(page, `${look_} user`);

    await follow(page, 'channels');
    await outcome(page, 200, 'GET /v1/.*/channels');
    await page.goBack();
    await outcome(page, 200, 'GET /v1/applications/me');

    await follow(page, 'users');
    await outcome(page, 200, 'GET /v1/.*/users');
    await page.getByText('The same request as curl').click();
    await page.getByText('Response headers').click();
    await page.getByText('History').click();
    await page.locator('details.item > summary').first().click();
    await page
      .getByRole('table', { name: /^Links of/ })
      .first()
      .waitFor();
    await look(page, `${look_} users`);

    await page.getByLabel('Address', { exact: true }).fill(`/v1/users?name=${name}`);
    await press(page, 'Go');
    await page.locator('details.item > summary').first().click();
    await page.getByRole('button', { name: 'DELETE self', exact: true }).click();
    await page.getByRole('dialog', { name: 'Delete this?' }).waitFor();
    await look(page, `${look_} delete`);
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await outcome(page, 200, 'DELETE /v1/');
    await page.goBack();
    await outcome(page, 200, 'GET /v1/.*/users');
  });
}

story('everything can be done with the keyboard alone', {}, async (page) => {
  const name = newName();
  const keys = page.keyboard;
  /** Tabs on until the focused element has this name, as a person would; the focus has to be visible all the way. */
  const tabTo = async (wanted, key = 'Tab') => {
    for (let step = 0; step < 120; step += 1) {
      const focused = await page.evaluate(() => {
        const { activeElement: element } = document;
        const label = element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent;
        return { label, outline: element === document.body || getComputedStyle(element).outlineStyle !== 'none' };
      });
      assert.ok(focused.outline, `the focus on ${focused.label} must be visible`);
      if (wanted.test(focused.label)) return;
      await keys.press(key);
    }
    assert.fail(`Tab never reached ${wanted}`);
  };
  const activate = async (wanted) => {
    await tabTo(wanted);
    await keys.press('Enter');
  };
  const isFocused = (selector) => page.waitForFunction((wanted) => document.activeElement.matches(wanted), selector);

  await page.goto(SEED_LINK);
  await page.getByRole('heading', { name: 'Sign in first' }).waitFor();
  await keys.press('Tab');
  await keys.press('Enter');
  await isFocused('main');
  await activate(/^Sign in and repeat$/);
  await tabTo(/^Client ID/);
  await keys.type(CLIENT_ID);
  await tabTo(/^Client secret/);
  await keys.type(CLIENT_SECRET);
  await keys.press('Enter');
  await outcome(page, 200, 'GET /v1/applications/me');
  await isFocused('#outcome');

  await page.getByRole('button', { name: 'POST users', exact: true }).waitFor();
  await activate(/^POST users$/);
  await page.getByRole('dialog').waitFor();
  await keys.press('Escape');
  await isFocused('[aria-label="POST users"]');
  await keys.press('Enter');
  await page.getByRole('dialog').waitFor();
  await tabTo(/^name\b/i);
  await keys.type(name);
  await keys.press('Enter');
  await outcome(page, 200, 'POST /v1/');
  await isFocused('#outcome');

  await activate(/^GET channels$/);
  await outcome(page, 200, 'GET /v1/.*/channels');
  await isFocused('#outcome');
  await tabTo(/^Address$/, 'Shift+Tab');
  await keys.press('Control+a');
  await keys.type(`/v1/users?name=${name}`);
  await keys.press('Enter');
  await outcome(page, 200, 'GET /v1/users');
  await activate(new RegExp(`^\\d+ ${name}`));
  await page.getByRole('button', { name: 'DELETE self', exact: true }).waitFor();
  await activate(/^DELETE self$/);
  await isFocused('dialog [autofocus]');
  await activate(/^Delete$/);
  await outcome(page, 200, 'DELETE /v1/');
  await isFocused('#outcome');
  // A browser without a window has no shortcut for going back.
  await page.goBack();
  await outcome(page, 404, 'GET /v1/.*/channels');
});

story('a token in the fragment is taken and leaves the address', {}, async (page) => {
  const token = await accessToken();
  await page.goto(
    `${EXPLORER}#hkey0=Authorization&hval0=Bearer%20${token}&hkey1=X-Note&hval1=kept&uri=/v1/applications/me`,
  );
  await outcome(page, 200, 'GET /v1/applications/me');
  assert.equal(new URL(page.url()).hash, '#hkey0=X-Note&hval0=kept&uri=/v1/applications/me');
  await page.getByText('The same request as curl').click();
  assert.ok(!(await page.content()).includes(token), 'the token is nowhere on the page');
  await follow(page, 'users');
  await outcome(page, 200, 'GET /v1/.*/users');
  await page.goBack();
  await outcome(page, 200, 'GET /v1/applications/me');
  assert.ok(!page.url().includes(token), 'going back does not bring the token back');
});

story('a templated link asks for its variables', {}, async (page) => {
  const token = await accessToken();
  await page.goto(`${EXPLORER}#hkey0=Authorization&hval0=Bearer%20${token}&uri=/v1/users{?page,size}`);
  await page.getByLabel('size').fill('1');
  await page.getByText(/\/v1\/users\?size=1$/).waitFor();
  await look(page, 'variables');
  await page.keyboard.press('Enter');
  await outcome(page, 200, 'GET /v1/users\\?size=1');
  assert.match(page.url(), /uri=\/v1\/users\?size=1$/);
});

story('the curl line does the same request', {}, async (page) => {
  const token = await accessToken();
  await page.goto(`${EXPLORER}#hkey0=Authorization&hval0=Bearer%20${token}&uri=/v1/applications/me`);
  await outcome(page, 200);
  await page.getByText('The same request as curl').click();
  const line = await page.locator('#curl').textContent();
  const answer = JSON.parse(
    execFileSync('bash', ['-c', `${line} --silent`], { env: { ...process.env, TOKEN: token }, encoding: 'utf8' }),
  );
  assert.deepEqual(answer, JSON.parse(await page.locator('pre.json').last().textContent()));
});

story('the button chooses a theme, and the choice stays', { colorScheme: 'light' }, async (page) => {
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.goto(`${EXPLORER}#uri=/health/ready`);
  const light = await ground();
  await press(page, 'Dark theme');
  const dark = await ground();
  assert.notEqual(dark, light);
  await look(page, 'dark by choice');
  await page.reload();
  assert.equal(await ground(), dark);
});

story('a picture is shown as one', {}, async (page) => {
  await page.goto(`${EXPLORER}#uri=/v1/picture/Jane%20Doe`);
  await page.waitForFunction(() => document.querySelector('main img')?.naturalWidth > 0);
  await look(page, 'picture');
});
