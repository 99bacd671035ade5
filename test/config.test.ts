import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { environmentSchema, parseConfig } from '../src/config.ts';

const example = readFileSync(join(import.meta.dirname, '..', '.env.example'), 'utf8');

describe('the configuration', () => {
  it('is what .env.example lists, variable for variable, with the same words', () => {
    const listed = [...example.matchAll(/^#?\s?([A-Z_]+)=/gm)].map(([, name]) => name);
    expect(listed).toEqual(Object.keys(environmentSchema.shape));
    for (const field of Object.values(environmentSchema.shape)) expect(example).toContain(field.description);
  });

  it('takes the example as it stands', () => {
    const set = [...example.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
    expect(parseConfig(Object.fromEntries(set)).openai).toBeUndefined();
  });

  it('takes a blank variable for one that is not set', () => {
    const blank = Object.fromEntries(Object.keys(environmentSchema.shape).map((name) => [name, ' ']));
    expect(parseConfig(blank)).toMatchObject({ port: 4747, host: '127.0.0.1', openai: undefined });
  });

  it('names each variable with a wrong value', () => {
    expect(() => parseConfig({ TRAINYARD_PORT: 'http', TRAINYARD_MAX_TASKS: '0' })).toThrow(
      /TRAINYARD_PORT.*TRAINYARD_MAX_TASKS/,
    );
  });

  it('reads which GPUs to use, and how much memory they have', () => {
    expect(parseConfig({ TRAINYARD_GPUS: '0=24576, 1' }).gpus).toEqual([{ id: '0', memoryMib: 24_576 }, { id: '1' }]);
    expect(parseConfig({ TRAINYARD_GPUS: 'none' }).gpus).toEqual([]);
    expect(parseConfig({}).gpus).toBeUndefined();
    expect(() => parseConfig({ TRAINYARD_GPUS: '0,;' })).toThrow(/not of the form ID/);
    expect(() => parseConfig({ TRAINYARD_GPUS: '0,0' })).toThrow(/twice/);
    expect(() => parseConfig({ TRAINYARD_ISOLATION: 'podman' })).toThrow(/TRAINYARD_ISOLATION/);
  });

  it('gives tasks the settings of the hub and no other secret', () => {
    const { taskEnvironment } = parseConfig({ HF_TOKEN: 'hub', OPENAI_API_KEY: 'secret', PATH: '/bin' });
    expect(taskEnvironment).toEqual({ HF_TOKEN: 'hub', PATH: '/bin' });
  });

  it('uses a local model server without a key', () => {
    const { openai } = parseConfig({ OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1', TRAINYARD_MODEL: 'qwen3' });
    expect(openai).toEqual({ apiKey: 'none', baseUrl: 'http://127.0.0.1:11434/v1', model: 'qwen3' });
  });
});
