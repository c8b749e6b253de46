import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DMA_BUF_SET_NAME,
  F_ADD_SEALS,
  F_SEAL_SHRINK,
  MFD_ALLOW_SEALING,
  O_CLOEXEC,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  UDMABUF_CREATE,
} from '../../src/abi/uapi/index.ts';
import { addSystemHeap, addUdmabuf, enableSysfsStatistics } from '../../src/dma-buf/index.ts';
import type { Sys } from '../../src/doors/in-process/index.ts';
import { machineTest } from '../../src/vitest.ts';
import { board } from '../support/boards.ts';
import { root } from '../support/paths.ts';
import { allocate, describe, expect, test } from './fixture.ts';

/** A text that the real kernel gave, in test/conformance/expected/bufinfo.txt. */
const recorded = (label: string) =>
  readFileSync(join(root, 'test/conformance/expected/bufinfo.txt'), 'latin1')
    .split('\n')
    .filter((line) => line.startsWith(`${label}| `))
    .map((line) => `${line.slice(label.length + 2).replaceAll('\\t', '\t')}\n`)
    .join('');

function textOf(sys: Sys<'sync'>, path: string): string {
  const fd = sys.open(path, O_RDONLY);
  const text = Buffer.from(sys.read(fd, 4096)).toString('latin1');
  sys.close(fd);
  return text;
}

function udmabuf(sys: Sys<'sync'>, pages: number): number {
  const memfd = sys.memfdCreate('test', MFD_ALLOW_SEALING);
  sys.ftruncate(memfd, pages * 4096);
  sys.fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK);
  const node = sys.open('/dev/udmabuf', O_RDWR);
  const fd = sys.ioctl(node, UDMABUF_CREATE, { memfd, size: pages * 4096 });
  sys.close(node);
  sys.close(memfd);
  return fd;
}

describe('bufinfo', () => {
  const bufinfo = (sys: Sys<'sync'>) => textOf(sys, '/sys/kernel/debug/dma_buf/bufinfo');

  test('has the text of the real kernel as buffers come, get names and go', ({ sys }) => {
    expect(bufinfo(sys)).toBe(recorded('none'));
    const camera = allocate(sys, 3, O_RDWR | O_CLOEXEC);
    expect(bufinfo(sys)).toBe(recorded('one'));
    const other = udmabuf(sys, 2);
    expect(bufinfo(sys)).toBe(recorded('two'));
    sys.ioctl(camera, DMA_BUF_SET_NAME, 'camera');
    expect(bufinfo(sys)).toBe(recorded('named'));
    sys.close(camera);
    sys.close(other);
    expect(bufinfo(sys)).toBe(recorded('gone'));
  });

  test('a path to a buffer does not count, and does not keep it there', ({ sys }) => {
    const fd = allocate(sys, 3);
    const path = sys.reopen(fd, O_PATH);
    expect(bufinfo(sys)).toBe(recorded('one'));
    sys.close(fd);
    expect(bufinfo(sys)).toBe(recorded('none'));
    expect(sys.fdLink(path)).toBe('/dmabuf:');
  });
});

describe('statistics in sysfs', () => {
  const withStatistics = machineTest(() =>
    board((machine) => {
      enableSysfsStatistics(machine.system);
      addSystemHeap(machine.system, machine.ram);
      addUdmabuf(machine.system);
    }),
  );
  const FOLDER = '/sys/kernel/dmabuf/buffers';
  const namesIn = (sys: Sys<'sync'>) => {
    const fd = sys.open(FOLDER, O_RDONLY);
    const names = sys.getdents(fd).map(({ name }) => name);
    sys.close(fd);
    return names.filter((name) => !name.startsWith('.')).sort();
  };

  withStatistics('tell of each buffer by its number, until even its paths are closed', ({ machine: { sys } }) => {
    const first = allocate(sys, 3);
    const second = udmabuf(sys, 2);
    const path = sys.reopen(second, O_PATH);
    expect(namesIn(sys)).toEqual(['1', '2']);
    expect(['1', '2'].map((ino) => textOf(sys, `${FOLDER}/${ino}/exporter_name`))).toEqual(['system\n', 'udmabuf\n']);
    expect(['1', '2'].map((ino) => textOf(sys, `${FOLDER}/${ino}/size`))).toEqual(['12288\n', '8192\n']);
    expect(sys.stat(`${FOLDER}/1/size`).mode & 0o777).toBe(0o444);
    sys.close(first);
    sys.close(second);
    expect(namesIn(sys)).toEqual(['2']);
    sys.close(path);
    expect(namesIn(sys)).toEqual([]);
  });

  test('are not in a kernel that was built without', ({ sys }) => {
    expect(() => sys.stat('/sys/kernel/dmabuf')).toThrow('ENOENT');
  });
});
