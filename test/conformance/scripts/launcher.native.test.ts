import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { compile, temporaryFolder, testWithCompiler } from '../../support/compiler.ts';
import { root } from '../../support/paths.ts';
import { runNative } from '../../support/run.ts';
import { isPseudo, recordedAnswers, scriptFiles, splitAnswers } from './files.ts';

const folder = temporaryFolder();
const here = (path: string) => join(root, 'test/conformance/scripts', path);

describe('scripts answer under the launcher as on Linux 6.12', () => {
  for (const name of scriptFiles.filter((file) => !isPseudo(file))) {
    testWithCompiler(name, async () => {
      const interpreter = compile(here('interpreter.c'), join(folder, name));
      // Descriptor limits as in the recorded run.
      const { status, stdout, stderr } = await runNative(['sh', '-c', `ulimit -n 1024 && exec ${interpreter} ${here(`${name}.script`)}`]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const answers = splitAnswers(stdout);
      for (const [script, lines] of recordedAnswers(name)) expect(answers.get(script), script).toEqual(lines);
    });
  }
});
