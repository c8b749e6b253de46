/** Answers all rows with the `node:fs` of the process: natively, or on a mount. Arguments: the door's name, what stands before paths. */
import fs from 'node:fs';
import { answer, type DoorName, fsDoor, ROWS } from './table.ts';

const [name, root = ''] = process.argv.slice(2);
const door = fsDoor(fs, root);
console.log(JSON.stringify(ROWS.map((row) => (row.without?.[name as DoorName] === undefined ? answer(row, door) : null))));
