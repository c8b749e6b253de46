import { generateBlobs } from './generate-blobs.ts';

/** What expected/functionfs-blobs.txt has the answers to. Another seed or count needs another recording. */
export const BLOBS = generateBlobs(1, 2400);
