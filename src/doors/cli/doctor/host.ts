import { spawnSync } from 'node:child_process';
import { availableParallelism, tmpdir } from 'node:os';
import { type HostText, hostText } from '../../preload/index.ts';
import { deviceFailure, hasFusermount, libfuseFailure } from '../fuse-host.ts';
import { ADDON, loadNativeParts, MAIN } from '../native-parts.ts';
import { type Tries, type Try, triesOf, tryChildCall } from './tries.ts';

/** What checks may ask of a machine. */
export interface Host {
  readonly platform: string;
  readonly arch: string;
  /** Of Node. */
  readonly version: string;
  /** Of the GNU C library; undefined when it is another one. */
  readonly glibc: string | undefined;
  readonly processors: number;
  readonly env: NodeJS.ProcessEnv;
  readonly temporaryFolder: string;
  readonly text: HostText;
  /** What can be tried with the native parts. @throws Error when they are not built, or cannot be loaded */
  readonly tries: () => Tries;
  /** {@link tryChildCall} */
  readonly childCall: Try;
  /** What `ioctopus mount` needs. */
  readonly fuse: FuseHost;
  /** Runs a program under the launcher. */
  readonly launch: (command: readonly string[]) => Ended;
  /** A program that opens a heap, allocates a buffer, maps and closes it, and says the errno on standard output if that fails. */
  readonly heapUser: readonly string[];
}

export interface FuseHost {
  readonly isRoot: boolean;
  /** Why /dev/fuse cannot be opened, as an errno's name; undefined when it can. */
  readonly device: () => string | undefined;
  /** Why libfuse 2 cannot be loaded. */
  readonly libfuse: () => string | undefined;
  readonly fusermount: () => boolean;
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A round trip takes some milliseconds, a start of Node some hundred. */
const LAUNCH_MAX_ms = 20_000;

const useHeap = `
  const result = require(${JSON.stringify(ADDON)}).tryHeap('/dev/dma_heap/system');
  if (result < 0) { console.log(-result); process.exitCode = 1; }
`;

function glibcVersion(): string | undefined {
  const { report } = process;
  if (report === undefined) return undefined;
  // Looking up names of network peers can take long.
  (report as { excludeNetwork?: boolean }).excludeNetwork = true;
  return (report.getReport() as { header?: { glibcVersionRuntime?: string } }).header?.glibcVersionRuntime;
}

/** The machine that this runs on. */
export function thisHost(): Host {
  return {
    platform: process.platform,
    arch: process.arch,
    version: process.versions.node,
    glibc: glibcVersion(),
    processors: availableParallelism(),
    env: process.env,
    temporaryFolder: tmpdir(),
    text: hostText,
    tries: () => triesOf(loadNativeParts()),
    childCall: tryChildCall,
    fuse: { isRoot: process.getuid?.() === 0, device: deviceFailure, libfuse: libfuseFailure, fusermount: hasFusermount },
    launch(command) {
      return spawnSync(process.execPath, [MAIN, 'run', '--', ...command], { encoding: 'utf8', timeout: LAUNCH_MAX_ms });
    },
    heapUser: [process.execPath, '-e', useHeap],
  };
}
