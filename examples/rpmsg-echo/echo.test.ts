import { type BootedMachine, boot, remoteproc } from 'ioctopus';
import { O_RDWR, POLLERR, POLLIN, RPMSG_ADDR_ANY, RPMSG_CREATE_EPT_IOCTL } from 'ioctopus/uapi';
import { expect, test } from 'vitest';

/** Where the firmware's service listens. */
const SERVICE = 1024;
const PROCESSOR = '/sys/class/remoteproc/remoteproc0';

/** As a shell would: firmware, state, and then the announcement of the service arrives. */
function start({ fs, sys }: BootedMachine): void {
  fs.writeFileSync(`${PROCESSOR}/firmware`, 'echo.elf');
  fs.writeFileSync(`${PROCESSOR}/state`, 'start');
  while (!fs.existsSync('/dev/rpmsg0')) sys.nanosleep(1_000_000);
}

test('an endpoint of ours talks to the service', () => {
  const machine = boot(remoteproc());
  const { fs, sys } = machine;
  start(machine);
  const control = sys.open('/dev/rpmsg_ctrl0', O_RDWR);
  sys.ioctl(control, RPMSG_CREATE_EPT_IOCTL, { name: 'example', src: RPMSG_ADDR_ANY, dst: SERVICE });
  expect(fs.readFileSync('/sys/class/rpmsg/rpmsg1/name', 'utf8')).toBe('example\n');
  const endpoint = sys.open('/dev/rpmsg1', O_RDWR);
  sys.write(endpoint, 'hello');
  expect(new TextDecoder().decode(sys.read(endpoint, 512))).toBe('hello');
  sys.close(endpoint);
  sys.close(control);
  machine.shutdown();
});

test('when the processor stops, a file that is open says so', () => {
  const machine = boot(remoteproc());
  const { fs, sys } = machine;
  start(machine);
  const channel = sys.open('/dev/rpmsg0', O_RDWR);
  fs.writeFileSync(`${PROCESSOR}/state`, 'stop');
  expect(fs.existsSync('/dev/rpmsg0')).toBe(false);
  expect(sys.poll([{ fd: channel, events: POLLIN }], 0)).toEqual([POLLERR]);
  expect(() => sys.read(channel, 512)).toThrow('EPIPE');
  sys.close(channel);
  machine.shutdown();
});
