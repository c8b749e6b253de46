import { readdirSync, readFileSync } from 'node:fs';

const here = (path: string) => new URL(path, import.meta.url);

/** Names of the files of scripts. */
export const scriptFiles = readdirSync(here('.'))
  .filter((name) => name.endsWith('.script'))
  .map((name) => name.slice(0, -'.script'.length));

/** Scripts on pseudo file systems. */
const pseudo: readonly string[] = ['configfs', 'configfs-random', 'debugfs', 'gadget', 'mount', 'proc', 'sysfs'];

/** Whether a file of scripts needs the pseudo file systems, and a machine with what it asks about. */
export const isPseudo = (name: string) => pseudo.includes(name);

export function readScriptFile(name: string): string {
  return readFileSync(here(`${name}.script`), 'utf8');
}

/** What the real kernel answered, by script. */
export function recordedAnswers(name: string): Map<string, string[]> {
  return splitAnswers(readFileSync(here(`expected/${name}.txt`), 'latin1'));
}

/** Splits an interpreter's output. */
export function splitAnswers(output: string): Map<string, string[]> {
  return new Map(
    output
      .split(/^== /m)
      .slice(1)
      .map((part) => {
        const [name = '', ...lines] = part.trimEnd().split('\n');
        return [name, lines];
      }),
  );
}
