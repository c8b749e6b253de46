/**
 * Writes random.script and configfs-random.script: `npx tsx test/conformance/scripts/write-random.ts [SEED [COUNT]]`. The files are kept, so that its answers can
 * be recorded on a real kernel once; write a new one when more calls are served.
 */
import { writeFileSync } from 'node:fs';
import { generateScripts } from './generate.ts';
import { generateConfigfsScripts } from './generate-configfs.ts';

const [seed = '1', count = '600'] = process.argv.slice(2);
writeFileSync(new URL('random.script', import.meta.url), generateScripts(Number(seed), Number(count)));
writeFileSync(new URL('configfs-random.script', import.meta.url), generateConfigfsScripts(Number(seed), Math.ceil(Number(count) / 6)));
