import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { type App, startApp } from '../../src/main.ts';
import { openUserStore } from '../../src/users/user-store.ts';
import { launchBrowser } from './browser.ts';

let browser: Browser;
let home: string;
let app: App;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'trainyard-login-'));
  const users = openUserStore(join(home, 'users.sqlite'));
  await users.add({ name: 'ann', role: 'admin', password: 'a long enough password' });
  users.close();
  app = await startApp(parseConfig({ PATH: process.env.PATH, TRAINYARD_HOME: home, TRAINYARD_PORT: '0' }));
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser.close();
  await app.close();
  rmSync(home, { recursive: true, force: true });
});

it('asks for a login, says what is wrong, lets in, and out again', async () => {
  const page = await browser.newPage({ viewport: { width: 1000, height: 700 } });
  await page.goto(app.url);
  await page.getByLabel('Name').fill('ann');
  await page.getByLabel('Password').fill('not this one');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('There is no such user, or the password is another one.').waitFor();
  await page.screenshot({ path: join(tmpdir(), 'trainyard-login.png') });
  await page.keyboard.press('Escape');
  await page.getByLabel('Password').fill('a long enough password');
  await page.keyboard.press('Enter');
  await page.getByText('ann (admin)').waitFor();
  await page.locator('.connection[data-state="open"]').waitFor();
  await page.getByLabel('Message', { exact: true }).fill('What tasks are there?');
  await page.keyboard.press('Enter');
  await page.getByText('load_dataset').first().waitFor();
  await page.screenshot({ path: join(tmpdir(), 'trainyard-logged-in.png') });
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in to Trainyard' }).waitFor();
  expect(await page.context().cookies()).toEqual([]);
  await page.close();
});
