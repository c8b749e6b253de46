import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(`../src/${path}`, import.meta.url));

/** Tests that run programs under the launcher, as users do: they need dist/. */
const native = ['**/*.native.test.ts'];

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  resolve: {
    alias: [
      { find: /^ioctopus$/, replacement: source('index.ts') },
      { find: /^ioctopus\/uapi$/, replacement: source('abi/uapi/index.ts') },
      { find: /^ioctopus\/(driver|vitest)$/, replacement: source('$1.ts') },
    ],
  },
  test: {
    reporters: ['default', './test/support/not-run-reporter.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Two processors: one for a server, one for its programs.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        // Each test boots machines of its own, so files can share the modules: loading them for each takes as long as the tests.
        test: {
          name: 'in-process',
          include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: [...native, '**/fixtures/**'],
          isolate: false,
        },
      },
      { extends: true, test: { name: 'native', include: native, globalSetup: ['test/support/build.ts'] } },
    ],
  },
});
