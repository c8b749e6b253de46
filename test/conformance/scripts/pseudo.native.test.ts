import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../../support/compiler.ts';
import { NativeServer, printed } from '../../support/native-server.ts';
import { root } from '../../support/paths.ts';
import { pseudoBoard } from '../../support/pseudo-board.ts';
import { isPseudo, readScriptFile, recordedAnswers, scriptFiles, splitAnswers } from './files.ts';

const folder = temporaryFolder();

/** Runs one script as a program of a machine of its own. @returns what it printed */
function runAlone(interpreter: string, script: string): Promise<string> {
  const path = join(folder, 'one.script');
  writeFileSync(path, script);
  return printed([interpreter, path], new NativeServer(pseudoBoard()));
}

/** Files of scripts that do not run natively. */
const NOT_NATIVE: Readonly<Record<string, string>> = {
  mount: "its folders are in /tmp, which is the host's: it would mount there",
};

interface Difference {
  /** Calls of a script whose answers are not compared, each with how it begins. */
  readonly calls: RegExp;
  readonly why: string;
}

/** By script. A script with none of its calls answered otherwise fails, so that the list stays true. */
const differences: Readonly<Record<string, Difference>> = {
  'configfs-links': { calls: /^stat \.\.?$/, why: 'a working folder that has been removed is not known any more' },
  'configfs-order': { calls: /^mkdir .*\/a 0777$/, why: 'the server knows a process by the user that it was when it connected' },
  'sysfs-user': {
    calls: /^(open|chmod|unlink) /,
    why: 'a process that has become somebody else before it connects cannot reach the server',
  },
  'proc-stat': { calls: /^(chdir|stat|readlink) /, why: "processes in /proc are the host's, and so is /tmp" },
  'proc-fd': {
    calls: /^(list|lstat|readlink|read|getdents) /,
    why: '/proc/self/fd shows the real descriptors, those of the library among them',
  },
  'proc-sysctl': {
    calls: /^(rename|open) /,
    why: 'folders of the host take part in a rename; the server knows a process by the user that it was when it connected',
  },
};

describe('scripts on pseudo file systems answer natively as on Linux 6.12', () => {
  for (const name of scriptFiles.filter((file) => isPseudo(file) && NOT_NATIVE[file] === undefined)) {
    testWithCompiler(name, async () => {
      const interpreter = compile(join(root, 'test/conformance/scripts/interpreter.c'), join(folder, name));
      const recorded = recordedAnswers(name);
      const scripts = readScriptFile(name).split(/^(?=== )/m);
      expect(scripts).toHaveLength(recorded.size);
      for (const script of scripts) {
        const answers = splitAnswers(await runAlone(interpreter, script));
        const [title = ''] = answers.keys();
        const lines = answers.get(title) ?? [];
        const wanted = recorded.get(title) ?? [];
        const calls = script.trimEnd().split('\n').slice(1);
        expect(lines.length, title).toBe(wanted.length);
        const different = calls.filter((_, line) => lines[line] !== wanted[line]);
        expect(
          different.filter((call) => differences[title]?.calls.test(call) !== true),
          title,
        ).toEqual([]);
        expect(different.length > 0, title).toBe(differences[title] !== undefined);
      }
    });
  }
});
