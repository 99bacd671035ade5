import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Frame, TrainyardEvent } from '../../src/core/events.ts';
import { openSqliteJournal } from '../../src/executor/journal/sqlite-journal.ts';
import { createFeedService } from '../../src/services/feed.ts';
import { temporaryFolder } from '../fakes/temporary-folder.ts';

const message = (text: string): TrainyardEvent => ({
  type: 'message_received',
  conversation_id: 'c',
  user_id: 'u',
  text,
});

it('sends what was missed and what comes, in order and once, however slow the reader', async () => {
  await using home = await temporaryFolder();
  const journal = openSqliteJournal(join(home.path, 'journal.sqlite'));
  for (let index = 0; index < 600; index += 1) journal.append([message(`old ${index}`)]);
  const stop = new AbortController();
  const seen: number[] = [];
  const end = createFeedService(journal).follow(
    { userId: 'u' },
    {
      after: 100,
      signal: stop.signal,
      send: async (frame: Frame) => {
        seen.push(frame.seq);
        if (frame.seq === 300) journal.append([message('while reading')]);
        if (frame.seq === 601) journal.append([message('later'), message('last')]);
        if (frame.seq === 603) stop.abort();
        if (frame.seq % 50 === 0) await new Promise(setImmediate);
      },
    },
  );
  await end;
  expect(seen).toEqual(Array.from({ length: 503 }, (_, index) => index + 101));
  journal.close();
});

it('shows nobody what others say and run', async () => {
  await using home = await temporaryFolder();
  const journal = openSqliteJournal(join(home.path, 'journal.sqlite'));
  journal.append([message('one'), { ...message('two'), user_id: 'other' } as TrainyardEvent, message('three')]);
  const stop = new AbortController();
  const seen: number[] = [];
  await createFeedService(journal).follow(
    { userId: 'u' },
    {
      after: 0,
      signal: stop.signal,
      send: (frame: Frame) => {
        seen.push(frame.seq);
        if (frame.seq === 3) stop.abort();
      },
    },
  );
  expect(seen).toEqual([1, 3]);
  journal.close();
});
