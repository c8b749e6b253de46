import { expect, test } from 'vitest';
import { MNT_DETACH, O_RDWR } from '../../../src/abi/uapi/index.ts';
import { FunctionFixture, MOUNT } from './fixture.ts';

test('a mount that is detached serves who has it open, until the last file is closed', () => {
  const fixture = new FunctionFixture().describe().bind();
  const { sys } = fixture;
  expect(fixture.errorOf(() => sys.umount(MOUNT))).toBe('EBUSY');
  sys.umount(MOUNT, MNT_DETACH);
  expect(fixture.errorOf(() => sys.open(`${MOUNT}/ep0`, O_RDWR))).toBe('ENOENT');
  const sending = fixture.hostWrites(Buffer.from('still here'));
  expect(Buffer.from(sys.read(fixture.out, 64)).toString()).toBe('still here');
  expect(fixture.ended(sending)).toBe(10);
  expect(fixture.errorOf(() => sys.mount('loop', MOUNT, 'functionfs', 0, ''))).toBe('EBUSY');
  for (const fd of [fixture.in, fixture.out]) sys.close(fd);
  expect(fixture.get('UDC')).toBe('dummy_udc.0\n');
  sys.close(fixture.ep0);
  expect(fixture.get('UDC')).toBe('\n');
  sys.mount('loop', MOUNT, 'functionfs', 0, '');
  fixture.in = fixture.out = fixture.ep0 = -1;
  fixture.end();
});
