import { describe, expect, test } from 'vitest';
import { boot, generic } from '../../../src/index.ts';
import { pseudoBoard } from '../../support/pseudo-board.ts';
import { isPseudo, readScriptFile, recordedAnswers, scriptFiles } from './files.ts';
import { parseScripts, runScript } from './interpreter.ts';

describe('scripts answer in process as on Linux 6.12', () => {
  test.each(scriptFiles)('%s', (name) => {
    const recorded = recordedAnswers(name);
    const scripts = parseScripts(readScriptFile(name));
    expect(scripts.map((script) => script.name)).toEqual([...recorded.keys()]);
    for (const script of scripts)
      expect(runScript(script, boot(isPseudo(name) ? pseudoBoard() : generic())), script.name).toEqual([
        `== ${script.name}`,
        ...(recorded.get(script.name) ?? []),
      ]);
  });
});
