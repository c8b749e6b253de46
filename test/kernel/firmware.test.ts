import { expect, test } from 'vitest';
import { isErrno } from '../../src/abi/index.ts';
import { O_RDONLY, O_WRONLY } from '../../src/abi/uapi/index.ts';
import { generic } from '../../src/boards/index.ts';
import { boot } from '../../src/index.ts';
import { firmwareClass, requestFirmware } from '../../src/kernel/index.ts';

const PATH = '/sys/module/firmware_class/parameters/path';

function machine() {
  const booted = boot(generic());
  const { system, sys, volume } = booted;
  firmwareClass(system);
  const request = (name: string): string => {
    const coroutine = system.scheduler.start('the test', undefined, requestFirmware(system, name, 'test'));
    const { outcome } = coroutine;
    if (outcome === undefined) throw new Error('it waits');
    if (outcome.ok) return Buffer.from(outcome.value).toString();
    if (!isErrno(outcome.error)) throw outcome.error;
    return outcome.error.code;
  };
  const put = (path: string, text: string) => {
    volume.mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true });
    volume.writeFileSync(path, text);
  };
  const setPath = (text: string) => {
    const fd = sys.open(PATH, O_WRONLY);
    try {
      sys.write(fd, text);
    } finally {
      sys.close(fd);
    }
  };
  const shownPath = () => {
    const fd = sys.open(PATH, O_RDONLY);
    const text = Buffer.from(sys.read(fd, 300)).toString();
    sys.close(fd);
    return text;
  };
  return { booted, request, put, setPath, shownPath, logged: () => system.log.lines.map(({ text }) => text) };
}

test('folders are looked at in turn, and links are followed', () => {
  const { booted, request, put, setPath } = machine();
  put('/lib/firmware/a/b.bin', 'last');
  expect(request('a/b.bin')).toBe('last');
  put('/lib/firmware/updates/a/b.bin', 'update');
  expect(request('a/b.bin')).toBe('update');
  put('/elsewhere/a/b.bin', 'mine');
  setPath('/elsewhere\n');
  expect(request('a/b.bin')).toBe('mine');
  booted.sys.symlink('a/b.bin', '/lib/firmware/link');
  expect(request('link')).toBe('last');
  booted.shutdown();
});

test('names and files that are wrong', () => {
  const { booted, request, put, logged } = machine();
  put('/lib/firmware/empty', '');
  put('/lib/firmware/folder/x', 'x');
  expect([request(''), request('../x'), request('a/../x'), request('..x'), request('none')]).toEqual([
    'EINVAL',
    'EINVAL',
    'EINVAL',
    'ENOENT',
    'ENOENT',
  ]);
  expect([request('empty'), request('folder'), request('x'.repeat(4090))]).toEqual(['EINVAL', 'EINVAL', 'ENAMETOOLONG']);
  expect(logged()).toEqual(
    expect.arrayContaining([
      "test: Firmware load for '../x' refused, path contains '..' component",
      'test: Direct firmware load for none failed with error -2',
      'test: loading /lib/firmware/empty failed with error -22',
    ]),
  );
  booted.shutdown();
});

test('the parameter is as a real 6.12 has it', () => {
  const { booted, setPath, shownPath } = machine();
  expect(shownPath()).toBe('\n');
  setPath('/tmp/fw\n');
  expect(shownPath()).toBe('/tmp/fw\n\n');
  setPath('abc');
  expect(shownPath()).toBe('abc\n');
  setPath('x'.repeat(255));
  expect(() => setPath('x'.repeat(256))).toThrow('ENOSPC');
  booted.shutdown();
});
