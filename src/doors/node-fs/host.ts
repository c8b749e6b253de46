import { createRequire } from 'node:module';

/**
 * The host's own `fs`. Not by `import`, because a test that puts this facade in the place of `node:fs` would get the facade here
 * too.
 */
export const hostFs = createRequire(import.meta.url)('node:fs') as typeof import('node:fs');
