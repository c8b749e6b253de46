/** Defects of commands, answers and signals. Any finding that does not belong to one fails. */
import { describe, expect, test } from 'vitest';
import { SIGKILL, SIGUSR1 } from '../../../src/abi/uapi/index.ts';
import { testDefects, withNode, withSource } from './defect-case.ts';
import {
  alloc,
  type Bench,
  bench,
  codeOf,
  debugLines,
  errors,
  importFd,
  importing,
  interrupted,
  openNode,
  rules,
  settle,
  vpuLog,
} from './fixture.ts';

/** A signal comes when the wait for the answer begins, so before the thread has sent the command. */
function interruptedBeforeSend(on: Bench, call: () => unknown): readonly [string, number] {
  on.machine.faults.add('wait:what=an answer of the VPU:nth=1:EINTR');
  const code = codeOf(call);
  on.machine.faults.clear();
  return [code, vpuLog(on).filter((line) => line.startsWith('IMPORT')).length];
}

testDefects([
  {
    id: 'Q10',
    what: 'by an import',
    run: (on) => withSource(on, (node, source) => interruptedBeforeSend(on, () => importFd(on, node, source))),
    broken: ['ENOMEM', 0],
    mended: ['EINTR', 0],
  },
  {
    id: 'Q10',
    what: 'by an allocation',
    run: (on) => withNode(on, (node) => interruptedBeforeSend(on, () => alloc(on, node, 1))),
    broken: ['ENOMEM', 0],
    mended: ['EINTR', 0],
  },
  {
    id: 'Q13',
    options: { revision: 'R1', commandsBefore: 65_534 },
    run: (on) => {
      const importer = importing(on);
      settle(on);
      const said = [importer.said, ...errors(on)];
      importer.signal(SIGKILL);
      settle(on);
      return said;
    },
    broken: ['nothing', 'vc_sm_cma_vchi_rx_ack: received response 65536, throw away...'],
    mended: ['handle 2'],
    findings: ['vcsm-handle-left', 'vcsm-buffer-left'],
    leaks: true,
  },
  {
    id: 'Q19',
    what: 'leaves who waits',
    options: { script: { holdsReplies: true } },
    run: (on) => {
      const importer = importing(on);
      settle(on);
      on.videocore.closeService();
      settle(on);
      const { said } = importer;
      importer.signal(SIGKILL);
      settle(on);
      return said;
    },
    broken: 'nothing',
    mended: 'ENOMEM',
    findings: ['vcsm-buffer-left'],
    leaks: true,
  },
  {
    id: 'Q19',
    what: 'leaves buffers',
    run: (on) =>
      withSource(on, (node, source) => {
        const { handle } = importFd(on, node, source);
        on.videocore.closeService();
        settle(on);
        on.sys.close(handle);
        settle(on);
        return on.driver?.resources;
      }),
    broken: 1,
    mended: 0,
    findings: ['vcsm-buffer-left'],
    leaks: true,
  },
  {
    id: 'Q27',
    run: (on) => {
      interrupted(on, 0, () => {});
      return debugLines(on).find((line) => line.includes('clean up'));
    },
    broken: '[vc_sm_cma_ioctl]: clean up of action 8 (trans_id: 0) following EINTR',
    mended: '[vc_sm_cma_ioctl]: clean up of action 8 (trans_id: 2) following EINTR',
  },
]);

test('transaction ids begin again at 0 behind the largest', () => {
  const on = bench({ commandsBefore: 0x7ffffffe });
  withNode(on, (node) => {
    const { handle, vc_handle } = alloc(on, node, 1);
    expect(vc_handle).toBe(0xc0000020);
    on.sys.close(handle);
  });
  settle(on);
  expect(vpuLog(on)[1]).toContain('IMPORT trans_id 0 ');
  on.machine.shutdown();
});

describe('an answer that comes right behind a signal', () => {
  /** And then another import. */
  function race(defects: Parameters<typeof bench>[1]) {
    const on = bench({ script: { holdsReplies: true } }, defects);
    const importer = importing(on);
    settle(on);
    importer.signal(SIGUSR1);
    on.videocore.sendHeldReply();
    settle(on);
    expect(importer.said).toBe('EINTR');
    on.videocore.script.holdsReplies = false;
    const second = withSource(on, (node, source) => {
      const { handle, vc_handle } = importFd(on, node, source);
      settle(on);
      on.sys.close(handle);
      return vc_handle;
    });
    settle(on);
    return { on, second };
  }

  test('with Q15 completes the next command, whose own answer nobody takes', () => {
    const { on, second } = race(['Q15']);
    // FREE for what the first has made was number 3. A transaction, where a handle should be.
    expect(second).toBe(4);
    expect(errors(on)).toEqual(['vc_sm_cma_vchi_rx_ack: received response 4, throw away...']);
    expect(() => on.machine.shutdown()).toThrow('left at shutdown');
    expect(rules(on)).toEqual(['vcsm-handle-left', 'vcsm-buffer-left']);
  });

  test('mended belongs to its own command', () => {
    const { on, second } = race([]);
    expect(second).toBe(0xc0000020);
    on.machine.shutdown();
    expect([errors(on), rules(on)]).toEqual([[], []]);
  });
});

test('with Q9 and a signal, another import goes on as if nothing had been', () => {
  const on = bench({}, ['Q9']);
  expect(interrupted(on, 0, () => {})).toBe('EINTR');
  const node = openNode(on);
  const { handle } = alloc(on, node, 1);
  for (const fd of [handle, node]) on.sys.close(fd);
  on.machine.shutdown();
  expect(rules(on)).toEqual(['vcsm-handle-left']);
});
