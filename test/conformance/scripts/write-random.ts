/**
 * Writes random.script: `npx tsx test/conformance/scripts/write-random.ts [SEED [COUNT]]`. The file is kept, so that its answers can
 * be recorded on a real kernel once; write a new one when more calls are served.
 */
import { writeFileSync } from 'node:fs';
import { generateScripts } from './generate.ts';

const [seed = '1', count = '600'] = process.argv.slice(2);
writeFileSync(new URL('random.script', import.meta.url), generateScripts(Number(seed), Number(count)));
