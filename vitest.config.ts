import { defineConfig } from 'vitest/config';

/**
 * `fast` needs nothing but Node: no Python environment, no browser. `slow` is everything else.
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
          exclude: ['test/e2e/**', 'test/python/**'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'slow',
          include: ['test/e2e/**/*.test.ts', 'test/python/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
