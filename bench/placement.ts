import { join } from 'node:path';

/** What the native rows need to know. */
export interface Settings {
  /** Where the C files are, and the records beside them. */
  readonly sources: string;
  /** Where the compiled programs are. */
  readonly programs: string;
  /** Where the built package is. */
  readonly dist: string;
  /** Usable processors. */
  readonly cpus: readonly number[];
}

/** Where the server (or a baseline's peer) runs, and where its client. */
export interface Placement {
  readonly name: 'two cores' | 'one core';
  readonly server: string;
  readonly client: string;
}

export const TWO_CORES_MISSING = 'needs two processors';

/** Undefined when there is only one processor. */
export function twoCores({ cpus: [first, second] }: Settings): Placement | undefined {
  return second === undefined ? undefined : { name: 'two cores', server: `${first}`, client: `${second}` };
}

export function oneCore({ cpus: [first = 0] }: Settings): Placement {
  return { name: 'one core', server: `${first}`, client: `${first}` };
}

/** A compiled program. */
export const program = ({ programs }: Settings, name: string) => join(programs, name);

/** The start of a command line of what runs on a processor. */
export const pinned = (settings: Settings, cpu: string) => [program(settings, 'pin'), cpu];

/** The command line of the launcher. @param board the default one when left out */
export const launcher = ({ dist }: Settings, board = 'generic') => [
  process.execPath,
  join(dist, 'doors/cli/main.js'),
  'run',
  `--board=${board}`,
  '--',
];

/** The command line of a program that calls emulated nodes, and holds so many buffers meanwhile. */
export const nodesProgram = (settings: Settings, { server, client }: Placement, buffers = 1) => [
  ...pinned(settings, server),
  ...launcher(settings),
  program(settings, 'nodes'),
  client,
  `${buffers}`,
];
