import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page, WebSocket } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { type App, startApp } from '../../src/main.ts';
import { launchBrowser } from './browser.ts';

const limitMs = 60_000;
let browser: Browser;
let home: string;
let app: App;
let context: BrowserContext;
let page: Page;
let socket: Promise<WebSocket>;
/** What the browser complained about: uncaught errors, refused scripts, requests to other hosts. */
let complaints: string[];

beforeAll(async () => {
  browser = await launchBrowser();
}, limitMs);

afterAll(() => browser.close());

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'trainyard-page-'));
  app = await start('0');
  context = await browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: 'reduce' });
  page = await openPage(app.url);
}, limitMs);

afterEach(async () => {
  await context.close();
  await app.close();
  rmSync(home, { recursive: true, force: true });
});

function start(port: string): Promise<App> {
  return startApp(parseConfig({ PATH: process.env.PATH, TRAINYARD_HOME: home, TRAINYARD_PORT: port }));
}

async function openPage(url: string): Promise<Page> {
  const opened = await context.newPage();
  opened.setDefaultTimeout(20_000);
  complaints = [];
  opened.on('pageerror', (error) => complaints.push(error.message));
  opened.on('request', (request) => {
    if (new URL(request.url()).host !== new URL(url).host) complaints.push(`request to ${request.url()}`);
  });
  socket = opened.waitForEvent('websocket');
  await opened.goto(url);
  await isConnected(opened);
  return opened;
}

function isConnected(on: Page): Promise<void> {
  return on.locator('.connection[data-state="open"]').waitFor();
}

async function say(text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Message' }).fill(text);
  await page.keyboard.press('Enter');
}

function succeededCards() {
  return page.locator('.card.run[data-state="succeeded"]');
}

/** The next end of a pipeline that the page's socket brings. */
async function finishedFrame(): Promise<void> {
  await (await socket).waitForEvent('framereceived', {
    predicate: ({ payload }) => String(payload).includes('"pipeline_finished"'),
  });
}

/** The conversation as a screen reader finds it, without what depends on the hour. */
async function conversation(): Promise<string> {
  const tree = await page.locator('#turns').ariaSnapshot();
  return tree.replace(/\d\d:\d\d/g, 'hh:mm');
}

function turns() {
  return page.locator('.turn');
}

describe('the page', () => {
  test('turns a sentence into a plan that runs to its end, once each after a reload', {
    timeout: limitMs,
  }, async () => {
    await say('load the config builtin:default');
    await succeededCards().waitFor();
    const node = page.locator('.node').filter({ hasText: 'load_config' });
    expect(await node.getAttribute('data-state')).toBe('succeeded');
    expect(await node.textContent()).toContain('succeeded in');
    const before = await conversation();
    expect(await turns().count()).toBe(2);

    await page.reload();
    await succeededCards().waitFor();
    expect(await conversation()).toBe(before);
    expect(complaints).toEqual([]);
  });

  test('goes on after the server was away, and shows nothing twice', { timeout: limitMs }, async () => {
    await say('load the config builtin:default');
    await succeededCards().waitFor();
    const before = await conversation();

    const { port } = new URL(app.url);
    await app.close();
    await page.locator('.connection[data-state="broken"]').waitFor();
    await say('what tasks are there?');
    await page.getByText('Waits for the connection').waitFor();
    app = await start(port);
    await isConnected(page);

    await page.locator('.turn.reply').nth(1).waitFor();
    const after = await conversation();
    expect(after.startsWith(before)).toBe(true);
    expect(await turns().count()).toBe(4);
    await page.reload();
    await page.locator('.turn.reply').nth(1).waitFor();
    expect(await conversation()).toBe(after);
  });

  test('asks with a form for what is missing, and sends the answer as a message', { timeout: limitMs }, async () => {
    // Too large for any machine, so that nothing starts: what is tested is the question.
    await say('finetune Llama-3.1-405B');
    const form = page.locator('form.question');
    await form.waitFor();
    const field = form.getByRole('textbox', { name: 'Dataset' });
    const chip = form.locator('.chip').first();
    await chip.click();
    expect(await field.inputValue()).toBe(await chip.getAttribute('title'));
    expect(await chip.getAttribute('aria-pressed')).toBe('true');
    await page.reload();
    await field.fill('./rows.jsonl');
    await field.press('Enter');
    await page.locator('.turn.you').getByText('dataset_path: ./rows.jsonl').waitFor();
    await page.locator('.turn.reply').nth(1).waitFor();
    expect(await page.locator('.turn.reply').nth(1).textContent()).toContain('405B');

    await say('finetune distilgpt2');
    await page.locator('.turn.reply').nth(2).locator('form.question').waitFor();
    expect(await form.count()).toBe(1);
  });

  test('shows what failed with its mend, and retries', { timeout: limitMs }, async () => {
    await say('load the config at ./no-such-config.yaml');
    const card = page.locator('.card.run[data-state="failed"]');
    await card.waitFor();
    const fault = await card.locator('.node .fault').textContent();
    expect(fault).toContain('no-such-config.yaml does not exist');
    expect(fault).toContain('Name a YAML or JSON file');

    const failedAgain = finishedFrame();
    await card.getByRole('button', { name: 'Retry' }).click();
    await failedAgain;
    await card.waitFor();
    expect(await page.locator('.card.run').count()).toBe(1);
  });

  test('leaves markup in a message inert', { timeout: limitMs }, async () => {
    const text = '<script>document.title="taken"</script><img src="http://127.0.0.2:9/x" onerror="document.title=1">';
    await say(text);
    await page.locator('.turn.reply').first().waitFor();
    expect(await page.locator('.bubble').textContent()).toContain(text);
    expect(await page.locator('#transcript').locator('script, img').count()).toBe(0);
    expect(await page.title()).toBe('Trainyard');
    expect(complaints).toEqual([]);
  });

  test('offers sentences on an empty chat, and keeps the chats apart', { timeout: limitMs }, async () => {
    await page.getByRole('button', { name: 'What tasks are there?' }).click();
    await page.locator('.turn.reply').waitFor();
    expect(await page.locator('.turn.reply').textContent()).toContain('finetune');
    expect(new URL(page.url()).hash).toMatch(/^#c=[\w-]+$/);

    await page.getByRole('button', { name: 'New chat' }).click();
    await page.getByText('Say what to train', { exact: true }).waitFor();
    expect(await turns().count()).toBe(0);
    await page.getByRole('link', { name: 'What tasks are there?' }).click();
    await page.locator('.turn.reply').waitFor();
    expect(await turns().count()).toBe(2);
  });

  test('is used by keyboard alone at 360 px, and nothing is cut', { timeout: limitMs }, async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await page.locator('body').press('Tab');
    await page.getByRole('button', { name: 'Chats' }).focus();
    await page.keyboard.press('/');
    await page.keyboard.type('load the config');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('builtin:default');
    await page.keyboard.press('Enter');
    await succeededCards().waitFor();
    expect(await page.locator('.bubble').textContent()).toContain('load the config\nbuiltin:default');
    await page.locator('.node-head').focus();
    await page.keyboard.press('Enter');
    await page.getByText('Result', { exact: true }).waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    const cut = await page
      .locator('#transcript *')
      .evaluateAll(
        (all: { getBoundingClientRect(): DOMRectLike }[]) =>
          all.filter((one) => one.getBoundingClientRect().right > 360).length,
      );
    expect(cut).toBe(0);
  });
});

interface DOMRectLike {
  right: number;
}
