/**
 * Writes random.script: `npx tsx test/conformance/scripts/write-random.ts [SEED [COUNT [generic]]]`, with `generic`
 * random-generic.script, which has the calls that every file and mapping answers. The file is kept, so that its answers can
 * be recorded on a real kernel once; write a new one when more calls are served.
 */
import { writeFileSync } from 'node:fs';
import { generateScripts } from './generate.ts';

const [seed = '1', count = '600', kind = ''] = process.argv.slice(2);
const isGeneric = kind === 'generic';
const file = isGeneric ? 'random-generic.script' : 'random.script';
writeFileSync(new URL(file, import.meta.url), generateScripts(Number(seed), Number(count), isGeneric));
