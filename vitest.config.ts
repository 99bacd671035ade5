import { defineConfig } from 'vitest/config';

const slow = ['test/e2e/**/*.test.ts', 'test/python/**/*.test.ts', 'test/**/*.slow.test.ts'];

/**
 * `fast` needs nothing but Node: no Python environment, no browser, no patience. `slow` is everything else.
 */
export default defineConfig({
  test: {
    // Vitest leaves one core free; on two that would be half of them.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: slow,
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'slow',
          include: slow,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
