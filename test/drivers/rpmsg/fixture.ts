import { O_RDWR, RPMSG_ADDR_ANY, RPMSG_CREATE_EPT_IOCTL } from '../../../src/abi/uapi/index.ts';
import type { Sys } from '../../../src/doors/in-process/index.ts';
import type { BootedMachine } from '../../../src/index.ts';
import type { MachineOptions } from '../../../src/machine/index.ts';
import { machineTest } from '../../../src/vitest.ts';
import { type RpmsgBoardOptions, type RpmsgParts, rpmsgBoard, rpmsgParts } from '../../support/rpmsg-board.ts';

export { describe, expect } from 'vitest';

export interface RpmsgFixture {
  readonly sys: Sys<'sync'>;
  readonly parts: RpmsgParts;
}

/** Tests on a machine with a remote processor. */
export const rpmsgTest = (board: RpmsgBoardOptions = {}, options: MachineOptions = {}) =>
  machineTest(() => rpmsgBoard(board), options).extend<RpmsgFixture>({
    sys: async ({ machine }, use) => {
      await use(machine.sys);
    },
    parts: async ({ machine }, use) => {
      await use(rpmsgParts(machine));
    },
  });

/** On the board that sends everything back. */
export const test = rpmsgTest();

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** Lets a millisecond pass, in which messages arrive. */
export const settle = (sys: Sys<'sync'>): void => void sys.nanosleep(1e6);

/** What a call says. */
export function ask(call: () => unknown): string {
  try {
    return String(call());
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** Makes an endpoint by /dev/rpmsg_ctrl0. @returns its node */
export function createEndpoint(sys: Sys<'sync'>, { name = 'test', src = RPMSG_ADDR_ANY, dst = 1024 }): string {
  const before = nodesOf(sys);
  const control = sys.open('/dev/rpmsg_ctrl0', O_RDWR);
  sys.ioctl(control, RPMSG_CREATE_EPT_IOCTL, { name, src, dst });
  sys.close(control);
  const [made] = nodesOf(sys).filter((node) => !before.includes(node));
  return `/dev/${made}`;
}

/** Names in a folder. */
export function namesIn(sys: Sys<'sync'>, path: string): string[] {
  const fd = sys.open(path);
  const names = sys.getdents(fd).map(({ name }) => name);
  sys.close(fd);
  return names.filter((name) => !name.startsWith('.')).sort();
}

export const nodesOf = (sys: Sys<'sync'>): string[] => namesIn(sys, '/dev').filter((name) => name.startsWith('rpmsg'));

/** What a file of sysfs says, without its newline. */
export function shown(sys: Sys<'sync'>, path: string): string {
  const fd = sys.open(path);
  const said = text(sys.read(fd, 4096));
  sys.close(fd);
  return said.trimEnd();
}

export const logOf = ({ system }: BootedMachine): string[] => system.log.lines.map((line) => line.text);
