/** Random scripts through both doors: the answers are the same, and nothing is left. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { boot } from '../../src/index.ts';
import { splitAnswers } from '../conformance/scripts/files.ts';
import { generateScripts } from '../conformance/scripts/generate.ts';
import { parseScripts, runScript, type Script } from '../conformance/scripts/interpreter.ts';
import { compile } from '../support/compiler.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';

const SCRIPTS = 200;

function runInProcess(script: Script): string[] {
  const machine = boot();
  const lines = runScript(script, machine);
  // A script leaves open what it likes; the kernel may not keep any of it.
  for (const task of machine.system.tasks.all()) machine.system.tasks.end(task, { code: 0 });
  machine.shutdown();
  return lines.slice(1);
}

/** Makes a function that runs and compares the scripts of a seed. @param folder for the interpreter and the scripts */
export function compareDoors(folder: string): (seed: number) => Promise<void> {
  const interpreter = compile(join(root, 'test/conformance/scripts/interpreter.c'), join(folder, 'interpreter'));
  return async (seed) => {
    const text = generateScripts(seed, SCRIPTS);
    const file = join(folder, 'random.script');
    writeFileSync(file, text);
    const { status, stdout, stderr } = await runNative(['sh', '-c', `ulimit -n 1024 && exec ${interpreter} ${file}`]);
    if (status !== 0 || stderr !== '') throw new Error(`the interpreter ended with ${status}: ${stderr}`);
    const native = splitAnswers(stdout);
    for (const script of parseScripts(text)) {
      const answers = native.get(script.name) ?? [];
      for (const [index, line] of runInProcess(script).entries()) {
        if (line !== answers[index]) {
          throw new Error(`script ${script.name}, ${script.lines[index]}:\n  in process  ${line}\n  natively    ${answers[index]}`);
        }
      }
    }
  };
}
