/**
 * Writes a file of random scripts: `npx tsx test/conformance/scripts/write-random.ts [NAME [SEED [COUNT]]]`, where NAME
 * is one of MAKERS. The file is kept, so that its answers can be recorded on a real kernel once; write a new one when more calls are served.
 */
import { writeFileSync } from 'node:fs';
import { generateScripts } from './generate.ts';
import { generateConfigfsScripts } from './generate-configfs.ts';
import { generateEpollScripts } from './generate-epoll.ts';
import { generateFenceScripts } from './generate-fences.ts';

const MAKERS = {
  random: generateScripts,
  'random-epoll': generateEpollScripts,
  'random-fences': generateFenceScripts,
  'random-sharing': (seed: number, count: number) => generateFenceScripts(seed, count, true),
  'random-generic': (seed: number, count: number) => generateScripts(seed, count, true),
  'configfs-random': generateConfigfsScripts,
};
type Name = keyof typeof MAKERS;

const [name = 'random', seed = '1', count = '600'] = process.argv.slice(2);
writeFileSync(new URL(`${name}.script`, import.meta.url), MAKERS[name as Name](Number(seed), Number(count)));
