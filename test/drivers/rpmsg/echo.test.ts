import { O_RDWR } from '../../../src/abi/uapi/index.ts';
import { bytes, describe, expect, logOf, nodesOf, settle, test, text } from './fixture.ts';

describe('a remote that announces an echo service', () => {
  test('is online, and its service is a file', ({ machine, sys }) => {
    settle(sys);
    expect(nodesOf(sys)).toEqual(['rpmsg0', 'rpmsg_ctrl0']);
    expect(logOf(machine)).toEqual([
      'virtio_rpmsg_bus virtio0: rpmsg host is online',
      'virtio_rpmsg_bus virtio0: creating channel rpmsg-raw addr 0x400',
    ]);
    const fd = sys.open('/dev/rpmsg0', O_RDWR);
    expect(sys.write(fd, bytes('hello'))).toBe(5);
    expect(text(sys.read(fd, 100))).toBe('hello');
    sys.close(fd);
  });
});
