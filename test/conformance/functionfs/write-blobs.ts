/** Writes the blobs as blobs.c reads them: `npx tsx test/conformance/functionfs/write-blobs.ts FILE`. See README.md above. */
import { writeFileSync } from 'node:fs';
import { BLOBS } from './blobs.ts';

const le32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const parts = BLOBS.flatMap((writes) => [le32(writes.length), ...writes.flatMap((block) => [le32(block.length), Buffer.from(block)])]);
writeFileSync(process.argv[2] as string, Buffer.concat(parts));
