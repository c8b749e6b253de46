/** Answers all rows with the `node:fs` of the process: natively, or on a mount. Arguments: the door's name, what stands before paths. */
import fs from 'node:fs';
import { answers, type DoorName, fsDoor } from './table.ts';

const [name, root = ''] = process.argv.slice(2);
console.log(JSON.stringify(await answers(name as DoorName, fsDoor(fs, root))));
