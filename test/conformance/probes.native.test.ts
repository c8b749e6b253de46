import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Board } from '../../src/machine/index.ts';
import { compile, temporaryFolder, testWithCompiler } from '../support/compiler.ts';
import { gadgetBoard } from '../support/gadget-board.ts';
import { runOn } from '../support/native-server.ts';
import { root } from '../support/paths.ts';
import { runNative } from '../support/run.ts';
import { type Difference, differences, notRunYet, warped } from './differences.ts';

const folder = temporaryFolder();
const here = (path: string) => join(root, 'test/conformance', path);

const probes = readdirSync(here('probes'))
  .filter((name) => name.endsWith('.c'))
  .map((name) => name.slice(0, -2));

/** Probes that ask about more than the default board has. */
const boards: Readonly<Record<string, () => Board>> = { netlink: gadgetBoard, uevents: gadgetBoard };

/** What the kernel's log says of gadgets that cannot be bound or enumerated, which the probes provoke. */
const usbLog = /^ioctopus: (UDC core|usb \S+): .*\n/gm;

/** What a line is about. A line without a label belongs to the one before. */
const labelOf = (line: string) => /^([\w./]+)[:|]/.exec(line)?.[1];

/** The lines of an output by label; labels may repeat. */
function byLabel(output: string): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  let label = '';
  for (const line of output.trimEnd().split('\n')) {
    label = labelOf(line) ?? label;
    lines.set(label, [...(lines.get(label) ?? []), line]);
  }
  return lines;
}

/**
 * The probe `generic` says once what all its kinds of files answer, as `read.all`. Where a kind is missing it speaks of each, so that
 * the recorded line is read as one for each of those kinds.
 */
function perKind(linux: Map<string, string[]>, ours: Map<string, string[]>): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (const [label, lines] of linux) {
    const call = label.endsWith('.all') && !ours.has(label) ? label.slice(0, -'all'.length) : undefined;
    const kinds = [...ours.keys()].filter((own) => call !== undefined && own.startsWith(call));
    if (kinds.length === 0) out.set(label, lines);
    for (const kind of kinds) {
      out.set(
        kind,
        lines.map((line) => kind + line.slice(label.length)),
      );
    }
  }
  return out;
}

const isListed = (label: string, list: readonly Difference[]) => list.some(({ labels }) => labels.test(label));

const without = (lines: Map<string, string[]>, list: readonly Difference[]) =>
  [...lines].filter(([label]) => !isListed(label, list)).flatMap(([, one]) => one);

describe('probes answer under the launcher as on Linux 6.12', () => {
  test('each probe is either run or says why not', () => {
    expect([...Object.keys(differences), ...Object.keys(notRunYet)].sort()).toEqual(probes);
  });

  for (const [name, list] of Object.entries(differences)) {
    testWithCompiler(name, async () => {
      const program = compile(here(`probes/${name}.c`), join(folder, name));
      const board = boards[name];
      const settings = { cwd: folder, options: warped.includes(name) ? ['--time=warp'] : [] };
      const { status, stdout, stderr } = await (board === undefined ? runNative([program], settings) : runOn(board(), [program]));
      expect({ status, stderr: stderr.replace(usbLog, '') }).toEqual({ status: 0, stderr: '' });
      const ours = byLabel(stdout);
      const recorded = readFileSync(here(`expected/${name}.txt`), 'latin1').replace(/^# .*\n/, '');
      const linux = perKind(byLabel(recorded), ours);
      expect(without(ours, list)).toEqual(without(linux, list));
      const always = list.filter(({ mayAgree }) => mayAgree !== true);
      const mustDiffer = (label: string) =>
        isListed(label, always) &&
        !isListed(
          label,
          list.filter(({ mayAgree }) => mayAgree === true),
        );
      const equal = [...linux].filter(([label, lines]) => mustDiffer(label) && lines.join('\n') === ours.get(label)?.join('\n'));
      expect(
        equal.map(([label]) => label),
        'listed as different, but equal by now',
      ).toEqual([]);
    });
  }
});
